"""Rows that many tests begin with: made once as the product makes them, then brought back from a copy beside them.

Not in this room: what the rows are.
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine


async def is_kept(admin: AsyncEngine) -> bool:
    """Tell whether a database has a copy to bring back."""
    async with admin.connect() as connection:
        found: bool = (await connection.execute(text("SELECT to_regnamespace('kept') IS NOT NULL"))).scalar_one()
        return found


async def keep(admin: AsyncEngine) -> None:
    """Copy every row there is in a service's database."""
    async with admin.begin() as connection:
        await connection.execute(_KEEP)


async def bring_back(admin: AsyncEngine) -> None:
    """Put the copied rows into empty tables, with the numbers that follow them; no trigger sees it."""
    async with admin.begin() as connection:
        await connection.execute(_BRING_BACK)


_KEEP = text(
    """
    DO $$
    DECLARE
      name text;
      filled boolean;
    BEGIN
      CREATE SCHEMA kept;
      FOR name IN SELECT quote_ident(tablename) FROM pg_tables
                   WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
        EXECUTE 'SELECT EXISTS (SELECT 1 FROM public.' || name || ')' INTO filled;
        IF filled THEN
          EXECUTE 'CREATE TABLE kept.' || name || ' AS TABLE public.' || name;
        END IF;
      END LOOP;
      CREATE TABLE kept."the numbers" AS
        SELECT sequencename AS name, last_value FROM pg_sequences WHERE schemaname = 'public';
    END $$
    """
)

_BRING_BACK = text(
    """
    DO $$
    DECLARE
      name text;
    BEGIN
      SET LOCAL session_replication_role = replica;
      FOR name IN SELECT quote_ident(tablename) FROM pg_tables
                   WHERE schemaname = 'kept' AND tablename <> 'the numbers' LOOP
        EXECUTE 'DELETE FROM public.' || name;
        EXECUTE 'INSERT INTO public.' || name || ' OVERRIDING SYSTEM VALUE SELECT * FROM kept.' || name;
      END LOOP;
      PERFORM setval(format('public.%I', numbers.name), numbers.last_value)
         FROM kept."the numbers" AS numbers WHERE numbers.last_value IS NOT NULL;
    END $$
    """
)
