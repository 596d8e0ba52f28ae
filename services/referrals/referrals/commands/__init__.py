"""The changes referrals makes, by noun: one async function per change."""
