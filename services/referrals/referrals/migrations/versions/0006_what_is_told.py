"""The worker reads of a referral what it tells the other services of it: who may see it, and what came of it."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None
serves_from = "0004"

TOLD = "SELECT (scope, outcome) ON referrals"
WORKER = "referrals_worker"


def upgrade() -> None:
    op.execute(f"GRANT {TOLD} TO {WORKER}")


def downgrade() -> None:
    op.execute(f"REVOKE {TOLD} FROM {WORKER}")
