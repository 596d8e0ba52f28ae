"""What customer-index is told from outside."""

from pydantic_settings import SettingsConfigDict

from shared.settings import InnerSettings


class Settings(InnerSettings):
    """Settings of customer-index, from `CUSTOMER_INDEX_…`."""

    model_config = SettingsConfigDict(env_prefix="CUSTOMER_INDEX_", frozen=True, extra="ignore")

    max_load_bytes: int = 2 * 1024**3
    """Largest extract, in bytes."""
