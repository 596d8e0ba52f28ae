"""The wire, by noun."""
