"""Alembic's entry for customer-index."""

from customer_index.tables import metadata
from shared.migrate import run_in_env

run_in_env(metadata)
