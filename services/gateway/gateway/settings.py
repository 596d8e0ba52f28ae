"""What the gateway is told from outside."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from gateway.schemas.founding import Founding
from shared.settings import ServiceSettings, Told
from shared.told import DatabaseUrl, PrivateKey, ServiceUrl


class Settings(ServiceSettings):
    """Settings of the gateway, from `GATEWAY_…`."""

    model_config = SettingsConfigDict(env_prefix="GATEWAY_")

    permit_key: PrivateKey
    """Private Ed25519 JWK (JSON) with a `kid`, which signs permits; no other service has it."""
    customer_index_url: ServiceUrl
    """Where the gateway calls customer-index."""
    case_episodes_url: ServiceUrl | None = None
    """Not installed where this is not given; a view then says so of its sections."""
    referrals_url: ServiceUrl | None = None
    """Not installed where this is not given, like case-episodes."""
    upstream_ca_file: Path | None = None
    """Who signed the inner services' certificates, where their addresses are `https://…`."""
    upstream_timeout_seconds: Annotated[float, Field(gt=0, le=300)] = 10
    """How long an inner service may take to answer; an extract it is still reading takes its own time."""
    max_load_bytes: int = 2 * 1024**3
    """Largest extract, in bytes."""
    requests_per_second: Annotated[int, Field(ge=1)] = 1000
    """Calls a worker of an organisation may make in one second."""
    rate_limit_url: SecretStr | None = None
    """`valkey://…` or `valkeys://…` (TLS) where all replicas count together; absent, each counts for itself."""
    agreement_checks: Literal["production", "single-node"] = "production"
    """In production an agreement cannot be proposed without impact assessment, retention and review date; a single node
    only warns."""


class FoundingSettings(Told):
    """Settings of the founding of a platform, from `GATEWAY_…` too."""

    model_config = SettingsConfigDict(env_prefix="GATEWAY_")

    database_url: DatabaseUrl
    """`postgresql+asyncpg://…` as the application role."""
    founding: Founding
    """The operator (JSON): `org`, `name`, `identity_provider` (with its `name`) and `administrators`."""


class JobSettings(Told):
    """Settings of the gateway's jobs, from `GATEWAY_…` too; no process but theirs is told the key."""

    model_config = SettingsConfigDict(env_prefix="GATEWAY_")

    checkpoint_key: PrivateKey
    """Private Ed25519 JWK (JSON) with a `kid`, which signs checkpoints of the audit."""
    checkpoint_origin: Annotated[str, Field(pattern=r"^[^\s+]+$")] = "single-customer-view/audit"
    """Names the log in its checkpoints; another for each platform, and never another for the same."""
