"""Routes, by noun: parse, authorise, call, answer; no SQL, no rules."""
