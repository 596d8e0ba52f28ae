"""Alembic's entry for the gateway."""

from gateway.log_tables import audit_checkpoints
from shared.migrate import run_in_env

# The tables of the audit log are made beside the others and know them all.
run_in_env(audit_checkpoints.metadata)
