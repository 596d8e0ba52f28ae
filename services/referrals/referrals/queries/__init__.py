"""The questions referrals answers, by noun: one async function per question."""
