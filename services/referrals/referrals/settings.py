"""What referrals is told from outside."""

from pydantic_settings import SettingsConfigDict

from shared.settings import InnerSettings


class Settings(InnerSettings):
    """Settings of referrals, from `REFERRALS_…`."""

    model_config = SettingsConfigDict(env_prefix="REFERRALS_")
