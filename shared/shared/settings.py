"""What every service is told from outside, by environment variables with the service's own prefix.

Frozen and handed to `create_app`; there is no global instance and nothing is read at import. What is secret may be a
file in `/run/secrets` instead, named like the variable in lower case.
"""

from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SecretsSettingsSource, SettingsConfigDict

SECRETS: Final = Path("/run/secrets")
"""Where containers are given their secrets."""


class Told(BaseSettings):
    """Settings from the environment, and from files of secrets where there are any."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  there are no such files
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  it warns where there are none
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read what is handed over first, then variables, then files."""
        files = (SecretsSettingsSource(settings_cls, SECRETS),) if SECRETS.is_dir() else ()
        return (init_settings, env_settings, *files)


class ServiceSettings(Told):
    """Settings common to all services; each service subclasses this with its `env_prefix`."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

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
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    drain_seconds: Annotated[float, Field(ge=0)] = 5.0
    """How long a service that was told to stop still accepts calls, until nobody sends it any."""


class InnerSettings(ServiceSettings):
    """Settings of a service that answers only to the gateway's permits."""

    permit_keys: str
    """JWKS (JSON) with the gateway's public permit keys; several while keys are rotated."""


class WorkerSettings(Told):
    """All that a process beside the API is told of the database; read with the service's own prefix."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    worker_database_url: str
    """`postgresql+asyncpg://…` as the worker role, leading to the server itself, not to a pooler."""


class OwnerSettings(Told):
    """What migrations are told, and running services are not; read with the service's own prefix."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    owner_database_url: str
    """`postgresql+asyncpg://…` as the role that owns the schema."""


class AdminSettings(Told):
    """What making a service's database and roles is told, and nothing else is; read with the service's own prefix."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    admin_database_url: str
    """`postgresql://…` as a superuser of the server."""


class KafkaSettings(Told):
    """Where Kafka is and who we are to it, from `KAFKA_…`; the same for every service."""

    model_config = SettingsConfigDict(env_prefix="KAFKA_", frozen=True, extra="ignore", hide_input_in_errors=True)

    bootstrap_servers: str
    """`host:port` of some brokers, separated by commas."""
    ca_file: Path | None = None
    """Who signed the brokers' certificates; connections are encrypted if it is given."""
    certificate_file: Path | None = None
    key_file: Path | None = None
    """Our own certificate and its key, where the brokers ask for them."""
    member: str | None = None
    """This consumer's name in its group, the same after a restart, so that a restart moves no partitions."""
    partitions: Annotated[int, Field(ge=1)] = 6
    replicas: Annotated[int, Field(ge=1)] = 1
    """Of topics that we create."""
