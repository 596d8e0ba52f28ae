"""The secrets of a composed platform: a file for each, made where it is missing and never changed.

    .compose/secrets/            only its owner looks in
    ├── gateway_database_url …   named like the variables; a container is given the files it needs in /run/secrets
    └── identity-platform.jwk    signs the operator's tokens; no container is given it

In this room: what is secret on one machine and how it is drawn. Not in this room: how it is changed later
(docs/runbooks/rotate-keys.md) and which process is given what (docker-compose.yml).
"""

import json
import secrets
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

from joserfc.jwk import OKPKey

from single_node.organisations import founding
from single_node.place import Place, public_part

DIRECTORY: Final = Path(".compose")

_SERVICES: Final = ("gateway", "customer_index", "case_episodes", "referrals")
_ROLES: Final = {"database_url": "app", "worker_database_url": "worker", "owner_database_url": "owner"}
_SERVER: Final = "postgres:5432"


def write(place: Place) -> list[str]:
    """Write what is missing; give the names of the files that were made.

    Anybody may read a file, because whoever is in a container has an id of its own, and nobody but the owner comes
    through the directory.
    """
    place.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    place.secrets.mkdir(mode=0o700, exist_ok=True)
    place.secrets.chmod(0o700)
    made: list[str] = []

    def keep(name: str, make: Callable[[], str]) -> str:
        path = place.secrets / name
        if not path.exists():
            unfinished = path.with_name(f"{name}.unfinished")
            unfinished.write_text(make(), "utf-8")
            unfinished.chmod(0o444)
            unfinished.rename(path)
            made.append(name)
        return path.read_text("utf-8")

    keep("grafana_password", secrets.token_urlsafe)
    password = keep("postgres_password", secrets.token_urlsafe)
    permit_key = json.loads(keep("gateway_permit_key", _new_key))
    keep("gateway_checkpoint_key", _new_key)
    keep("gateway_founding", lambda: json.dumps(founding(place)))
    permit_keys = json.dumps({"keys": [public_part(permit_key)]})
    for service in _SERVICES:
        for name, role in _ROLES.items():
            keep(f"{service}_{name}", partial(_url, service, role=role))
        keep(f"{service}_admin_database_url", lambda: f"postgresql://postgres:{password}@{_SERVER}/postgres")
        keep(f"{service}_cursor_secret", secrets.token_urlsafe)
        if service != "gateway":
            keep(f"{service}_permit_keys", lambda: permit_keys)
    return made


def _url(service: str, *, role: str) -> str:
    return f"postgresql+asyncpg://{service}_{role}:{secrets.token_urlsafe()}@{_SERVER}/{service}"


def _new_key() -> str:
    key: dict[str, Any] = OKPKey.generate_key("Ed25519", auto_kid=True).as_dict(private=True)
    return json.dumps({**key, "use": "sig", "alg": "Ed25519"})


if __name__ == "__main__":
    new = write(Place(DIRECTORY.absolute()))
    sys.stdout.write(f"secrets: {len(new)} made in {DIRECTORY / 'secrets'}\n" if new else "secrets: all there\n")
