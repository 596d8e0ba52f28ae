"""What every service is told from outside, by environment variables with the service's own prefix.

Frozen and handed to `create_app`; there is no global instance and nothing is read at import.
"""

from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class ServiceSettings(BaseSettings):
    """Settings common to all services; each service subclasses this with its `env_prefix`."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    database_url: str
    """`postgresql+asyncpg://…` as the application role: no superuser, no BYPASSRLS."""
    worker_database_url: str
    """The same database as the worker role, for the relay and for jobs."""
    pool_size: Annotated[int, Field(ge=1, le=100)] = 8
    """Connections the application may hold; the worker holds at most four more."""
    cursor_secret: SecretStr
    """Signs page cursors; at least 32 characters."""
    log_level: str = "INFO"
    max_body_bytes: int = 1024 * 1024
    """Largest request body, in bytes, for routes without a cap of their own."""


class InnerSettings(ServiceSettings):
    """Settings of a service that answers only to the gateway's permits."""

    permit_keys: str
    """JWKS (JSON) with the gateway's public permit keys; several while keys are rotated."""
