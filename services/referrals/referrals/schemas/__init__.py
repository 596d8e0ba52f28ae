"""The wire of referrals, by noun."""
