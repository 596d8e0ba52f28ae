"""What case-episodes is told from outside."""

from datetime import timedelta

from pydantic_settings import SettingsConfigDict

from shared.settings import InnerSettings


class Settings(InnerSettings):
    """Settings of case-episodes, from `CASE_EPISODES_…`."""

    model_config = SettingsConfigDict(env_prefix="CASE_EPISODES_")

    episode_window: timedelta = timedelta(days=90)
    """How long after its latest case an open episode is still joined by a new one."""
