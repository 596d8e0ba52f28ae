"""The base of everything on the wire: unknown fields are refused, and text is text that a database can hold."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints


def _storable(text: str) -> str:
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("must not hold null characters or half characters")
    return text


Text = Annotated[str, AfterValidator(_storable)]
"""A string without null characters and lone surrogates; add a length where it is used."""

Name = Annotated[Text, StringConstraints(min_length=1, max_length=200)]
"""A non-empty string of at most 200 characters."""

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
"""An organisation's or source's id: lower-case letters, digits and inner hyphens, at most 63."""


class Wire(BaseModel):
    """A body in or out: immutable, and closed to fields it does not name."""

    model_config = ConfigDict(frozen=True, extra="forbid")
