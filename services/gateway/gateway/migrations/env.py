"""Alembic's entry for the gateway."""

from gateway.tables import metadata
from shared.migrate import run_in_env

run_in_env(metadata)
