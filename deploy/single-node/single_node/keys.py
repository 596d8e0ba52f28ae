"""The `scv keys` commands: make the keys of an installation, and show their public halves. They ask nobody.

In this room: files of keys, written once and for their owner alone. Not in this room: the keys that a single node makes
for itself (`place`), and the order in which keys are changed (docs/runbooks/rotate-keys.md).
"""

import json
import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from gateway.succession import ENDORSEMENT, Jwk, endorsed, fingerprint
from single_node.place import new_key, public_part
from single_node.staff import NotPossible
from single_node.terminal import console, failures_told

app = typer.Typer(no_args_is_help=True, help="Make the keys of an installation, and show their public halves.")


class Kind(StrEnum):
    """What a key signs."""

    PERMIT = "permit"
    CHECKPOINT = "checkpoint"


@app.command()
def new(
    kind: Annotated[Kind, typer.Argument(help="What it signs: permits, or checkpoints of the audit.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Written for its owner alone; must not exist.")],
    kid: Annotated[str | None, typer.Option(help="Another name than the key's thumbprint.")] = None,
    follows: Annotated[
        Path | None,
        typer.Option(
            metavar="OLD", exists=True, dir_okay=False, help="The checkpoint key before, which vouches for it."
        ),
    ] = None,
) -> None:
    """Make a private Ed25519 key (JWK) for the gateway."""
    with failures_told():
        if follows is not None and kind is not Kind.CHECKPOINT:
            raise NotPossible(
                "Only a checkpoint key follows another: permit keys are trusted because they are installed."
            )
        made: Jwk = new_key(kid=kid)
        if follows is not None:
            made = endorsed(made, by=_only(_keys_in(follows), file=follows))
        _write(file, json.dumps(made))
        console.print(f"{file}: a new {kind} key, {made['kid']}, fingerprint {fingerprint(made)}.", markup=False)


@app.command()
def public(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE…", exists=True, dir_okay=False, help="Keys, or sets of them.")
    ],
) -> None:
    """Print the public halves of keys as one JWKS, such as a service's …_PERMIT_KEYS holds."""
    with failures_told():
        found: dict[str, Jwk] = {}
        for file in files:
            for key in _keys_in(file):
                shown = {name: value for name, value in public_part(key).items() if name != ENDORSEMENT}
                if found.setdefault(key["kid"], shown)["x"] != shown["x"]:
                    raise NotPossible(f"{file} holds another key of the name {key['kid']} than a file before it.")
        print(json.dumps({"keys": list(found.values())}))


def _keys_in(file: Path) -> list[dict[str, Any]]:
    """Read a JWK, or the JWKs of a set. Raises `NotPossible`."""
    try:
        content = json.loads(file.read_text("utf-8"))
        keys: list[dict[str, Any]] = content.get("keys", [content])
        if keys and all(OKPKey.import_key(key).kid for key in keys):
            return keys
    except (ValueError, TypeError, AttributeError, JoseError):
        pass
    raise NotPossible(f"{file} holds no Ed25519 key (JWK with a kid), and no set of them.")


def _only(keys: list[dict[str, Any]], *, file: Path) -> Jwk:
    if len(keys) != 1 or "d" not in keys[0]:
        raise NotPossible(f"{file} holds no private key, and only one can vouch for another.")
    return keys[0]


def _write(file: Path, text: str) -> None:
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise NotPossible(f"{file} exists, and no key is ever written over.") from None
    except OSError as error:
        raise NotPossible(f"{file} cannot be written ({error.strerror}).") from None
    with os.fdopen(descriptor, "w") as sink:
        sink.write(text)
