"""What every service is told from outside, by environment variables with the service's own prefix.

Frozen and handed to `create_app`; there is no global instance and nothing is read at import. What is secret may be a
file in `/run/secrets` instead, named like the variable in lower case. Below each field stands what it means, which is
what `docs/configuration.md` says of it. Not in this room: how values are checked, and how faults are told (`told`).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
)

from shared.told import AdminUrl, CursorSecrets, DatabaseUrl, DirectoryUrl, LogLevel, PoolSize, PublicKeys, faults_told

SECRETS: Final = Path("/run/secrets")
"""Where containers are given their secrets."""


class Told(BaseSettings):
    """Settings from the environment, and from files of secrets where there are any.

    Raises `Misconfigured`, also where the environment has a variable of the same prefix that is no setting: who
    misspells one that keeps something safe must not believe it made.
    """

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", hide_input_in_errors=True, use_attribute_docstrings=True
    )

    def __init__(self, **told: Any) -> None:
        prefix = str(told.get("_env_prefix") or self.model_config["env_prefix"])
        with faults_told(prefix, known=names_under(prefix)):
            super().__init__(**told)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  there are no such files
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  it warns where there are none
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read what is handed over first, then variables, then files; both under the prefix we are read with."""
        prefix = env_settings.env_prefix if isinstance(env_settings, EnvSettingsSource) else None
        files = (SecretsSettingsSource(settings_cls, SECRETS, env_prefix=prefix),) if SECRETS.is_dir() else ()
        return (init_settings, env_settings, *files)


class LogSettings(Told):
    """What every process is told of its log; read with the service's own prefix."""

    log_level: LogLevel = "INFO"
    """The least of what is written to the log."""


class ServiceSettings(LogSettings):
    """Settings common to all services; each service subclasses this with its `env_prefix`."""

    database_url: DatabaseUrl
    """`postgresql+asyncpg://…` as the application role: no superuser, no BYPASSRLS."""
    pool_size: PoolSize = 8
    """Connections the process may hold as the application role; each worker process holds at most four."""
    cursor_secret: CursorSecrets
    """Signs page cursors; at least 32 characters. Of several between commas the first signs, all are accepted."""
    max_body_bytes: int = 1024 * 1024
    """Largest request body, in bytes, for routes without a cap of their own."""
    host: str = "127.0.0.1"
    """The address of its own that the API listens on; `0.0.0.0` is all of them."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """The port that the API listens on; 0 takes any free one."""
    tls_certificate_file: Path | None = None
    """Our own certificate, where calls come encrypted; read again within seconds of being renewed."""
    tls_key_file: Path | None = None
    """The private key of our own certificate."""
    drain_seconds: Annotated[float, Field(ge=0)] = 5.0
    """How long a service that was told to stop still accepts calls, until nobody sends it any; longer than the two
    seconds for which the gateway keeps an idle connection to it."""
    finish_seconds: Annotated[int, Field(ge=1, le=3600)] = 35
    """How long calls under way may then still take; longer than the longest wait for something new, 30 seconds."""
    keep_alive_seconds: Annotated[int, Field(ge=1, le=3600)] = 75
    """How long a connection may be idle; longer than any proxy in front keeps its own, usually 60 seconds."""


class InnerSettings(ServiceSettings):
    """Settings of a service that answers only to the gateway's permits."""

    permit_keys: PublicKeys
    """JWKS (JSON) with the gateway's public permit keys; several while keys are rotated."""


class WorkerSettings(LogSettings):
    """All that a process beside the API is told of the database; read with the service's own prefix."""

    worker_database_url: DatabaseUrl
    """`postgresql+asyncpg://…` as the worker role, leading to the server itself, not to a pooler."""
    operations_host: str = "127.0.0.1"
    """The address of its own on which a process beside the API answers for itself; `0.0.0.0` is all of them."""
    operations_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """Where the process answers `/livez`, `/readyz` and `/metrics`; nowhere if no port is given."""


class OwnerSettings(Told):
    """What migrations are told, and running services are not; read with the service's own prefix."""

    owner_database_url: DatabaseUrl
    """`postgresql+asyncpg://…` as the role that owns the schema."""


class LedgerSettings(Told):
    """Where the ledger is kept off-site; read with the service's own prefix by `ledger` and `replay` alone."""

    ledger_url: DirectoryUrl
    """`file:///…`: a directory of another place that is mounted here, best one in which no file can be changed."""


class ProvisionSettings(OwnerSettings):
    """What making a service's database and roles is told; read with the service's own prefix."""

    database_url: DatabaseUrl
    """As for the API: names the application role and its password."""
    worker_database_url: DatabaseUrl
    """As for processes beside the API: names the worker role and its password."""
    admin_database_url: AdminUrl
    """`postgresql://…` as a superuser of the server; nothing else is told."""


def names_under(prefix: str) -> frozenset[str]:
    """Name, without the prefix, everything that any process reads under a prefix, as far as its settings are loaded."""

    def below(kind: type[Told]) -> Iterator[type[Told]]:
        for one in kind.__subclasses__():
            yield one
            yield from below(one)

    read = [one for one in below(Told) if one.model_config["env_prefix"] in ("", prefix)]
    return frozenset(name for one in read for name in one.model_fields)


class KafkaSettings(Told):
    """Where Kafka is and who we are to it, from `KAFKA_…`; the same for every service."""

    model_config = SettingsConfigDict(env_prefix="KAFKA_")

    bootstrap_servers: str
    """`host:port` of some brokers, separated by commas."""
    ca_file: Path | None = None
    """Who signed the brokers' certificates; connections are encrypted if it is given."""
    certificate_file: Path | None = None
    """Our own certificate, where the brokers ask for one."""
    key_file: Path | None = None
    """The private key of our own certificate."""
    member: str | None = None
    """This consumer's name in its group, the same after a restart, so that a restart moves no partitions."""
    partitions: Annotated[int, Field(ge=1)] = 6
    """Of each topic that `topics` creates."""
    replicas: Annotated[int, Field(ge=1)] = 1
    """How many brokers keep each topic that `topics` creates."""
