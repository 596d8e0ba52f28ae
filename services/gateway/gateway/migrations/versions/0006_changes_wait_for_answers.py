"""The epoch as an answer is checked against it: nothing is changed until the answer's row is committed.

Without the lock a call decided before a change could commit its row after it. The function is volatile, so it reads
the epoch in a snapshot taken once it has the lock; a plain query would read in one that is older.
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

APP = "gateway_app"


def upgrade() -> None:
    op.execute(
        """
        CREATE FUNCTION settled_epoch() RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
        BEGIN
            PERFORM pg_advisory_xact_lock_shared(hashtext('governance'));
            RETURN (SELECT epoch FROM governance);
        END $$
        """
    )
    op.execute("REVOKE ALL ON FUNCTION settled_epoch() FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION settled_epoch() TO {APP}")


def downgrade() -> None:
    op.execute("DROP FUNCTION settled_epoch()")
