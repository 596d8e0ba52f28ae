"""Alembic's entry for referrals."""

from referrals.tables import metadata
from shared.migrate import run_in_env

run_in_env(metadata)
