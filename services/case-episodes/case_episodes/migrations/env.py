"""Alembic's entry for case-episodes."""

from case_episodes.tables import metadata
from shared.migrate import run_in_env

run_in_env(metadata)
