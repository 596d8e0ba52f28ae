"""What customer-index is told from outside."""

from pydantic_settings import SettingsConfigDict

from shared.settings import InnerSettings, Told
from shared.told import DatabaseUrl, PoolSize


class Settings(InnerSettings):
    """Settings of customer-index, from `CUSTOMER_INDEX_…`."""

    model_config = SettingsConfigDict(env_prefix="CUSTOMER_INDEX_")

    max_load_bytes: int = 2 * 1024**3
    """Largest extract, in bytes."""


class JobSettings(Told):
    """Settings of the jobs of customer-index, from `CUSTOMER_INDEX_…` too: loads are asserted as the application."""

    model_config = SettingsConfigDict(env_prefix="CUSTOMER_INDEX_")

    database_url: DatabaseUrl
    """`postgresql+asyncpg://…` as the application role: no superuser, no BYPASSRLS."""
    pool_size: PoolSize = 8
    """Connections the process may hold as the application role; each worker process holds at most four."""
