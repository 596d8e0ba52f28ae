"""How what a service is told from outside is checked, and how faults in it are told: by name, never by value.

In this room: the kinds of values that settings are made of, what marks a secret, and the one message about everything
that is missing, not valid or unknown. Not in this room: the settings themselves (`settings`), and what a process does
when they are wrong (`processes`).
"""

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_core import PydanticCustomError, from_json
from pydantic_settings import SettingsError

_SHORTEST_SECRET: Final = 32


class Misconfigured(Exception):
    """What a process was told from outside is wrong: a sentence for each fault, which names the variable only."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = tuple(faults)


class _Secret:
    def __repr__(self) -> str:
        return "SECRET"


SECRET: Final = _Secret()
"""Marks a setting that nobody else may read, in `Annotated`, where its type does not say so already."""


def _address(*beginnings: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if not value.startswith(beginnings):
            raise _wrong(f"must begin with {' or '.join(beginnings)}")
        try:
            _ = urlsplit(value).port
        except ValueError:
            # Of a host in brackets, or of a port: either is part of the address, which may hold a password.
            raise _wrong("is not an address") from None
        return value

    return check


def _private_key(value: SecretStr) -> SecretStr:
    try:
        key = OKPKey.import_key(from_json(value.get_secret_value()))
        usable = key.is_private and bool(key.kid) and key.get("crv") == "Ed25519"
    except (ValueError, TypeError, KeyError, JoseError):
        usable = False
    if not usable:
        raise _wrong("must be a private Ed25519 JWK (JSON) with a kid")
    return value


def _public_keys(value: str) -> str:
    try:
        keys = [OKPKey.import_key(one) for one in from_json(value)["keys"]]
        usable = bool(keys) and all(key.kid and not key.is_private for key in keys)
    except (ValueError, TypeError, KeyError, JoseError):
        usable = False
    if not usable:
        raise _wrong("must be a JWKS (JSON) of public Ed25519 keys, each with a kid and without its private part")
    return value


def _secrets(value: SecretStr) -> SecretStr:
    if any(len(one) < _SHORTEST_SECRET for one in value.get_secret_value().split(",")):
        raise _wrong(f"must be {_SHORTEST_SECRET} characters or more, and so must each of several between commas")
    return value


def _wrong(told: str) -> PydanticCustomError:
    return PydanticCustomError("setting", told)


DatabaseUrl = Annotated[str, SECRET, AfterValidator(_address("postgresql+asyncpg://"))]
AdminUrl = Annotated[str, SECRET, AfterValidator(_address("postgresql://"))]
DirectoryUrl = Annotated[str, AfterValidator(_address("file:///"))]
ServiceUrl = Annotated[str, AfterValidator(_address("http://", "https://"))]
PrivateKey = Annotated[SecretStr, AfterValidator(_private_key)]
PublicKeys = Annotated[str, AfterValidator(_public_keys)]
CursorSecrets = Annotated[SecretStr, AfterValidator(_secrets)]
PoolSize = Annotated[int, Field(ge=1, le=100)]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


@contextmanager
def faults_told(prefix: str, *, known: Collection[str]) -> Iterator[None]:
    """Raise `Misconfigured` for settings that are missing or not valid, and for variables of this prefix that are none.

    `known` are the names, without the prefix, of all that is read under it.
    """
    faults = [*_unknown(prefix, known=known)] if prefix else []
    try:
        yield
    except ValidationError as error:
        told = error.errors(include_url=False, include_input=False, include_context=False)
        faults = [*(_fault(prefix, one) for one in told), *faults]
    except SettingsError as error:
        # Its message names the field; what could not be read is in its cause, which goes no further.
        names = [name for name in known if f'"{name}"' in str(error)]
        faults = [f"{_variable(prefix, ''.join(names))} is not valid JSON", *faults]
    if faults:
        raise Misconfigured(faults) from None


def _fault(prefix: str, error: Any) -> str:
    field, *inside = error["loc"] or ("",)
    variable = _variable(prefix, str(field))
    if error["type"] == "missing" and not inside:
        return f"{variable} is missing (a file /run/secrets/{variable.lower()} would do as well)"
    place = f" at {'/'.join(map(str, inside))}" if inside else ""
    told = error["msg"] if error["type"] == "setting" else f"is not valid: {error['msg']}"
    return f"{variable}{place} {told}"


def _unknown(prefix: str, *, known: Collection[str]) -> Iterator[str]:
    names = [_variable(prefix, name) for name in known]
    for variable in sorted(os.environ):
        if variable.upper().startswith(prefix) and variable.upper() not in names:
            meant = get_close_matches(variable.upper(), names, n=1)
            yield f"{variable} is no setting of this version" + (f" ({meant[0]} is one)" if meant else "")


def _variable(prefix: str, name: str) -> str:
    return f"{prefix}{name}".upper()
