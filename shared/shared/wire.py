"""The base of everything on the wire: unknown fields are refused, and text is text that a database can hold."""

import re
from datetime import date, datetime
from typing import Annotated, Final

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, StringConstraints


def _iso_text(value: object) -> object:
    """Refuse what would be read as a timestamp: a date is written as a date."""
    if isinstance(value, date) or (isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value)):
        return value
    raise ValueError("must be an ISO date, YYYY-MM-DD")


def _written(value: object) -> object:
    """Refuse what would be read as seconds since 1970: a moment is written with its date."""
    if isinstance(value, datetime) or (isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\d[Tt ]", value)):
        return value
    raise ValueError("must be an RFC 3339 time, YYYY-MM-DDThh:mm:ssZ")


def _of_our_time(moment: datetime) -> datetime:
    if not 1900 <= moment.year <= 2200:
        raise ValueError("must be between the years 1900 and 2200")
    return moment


def _storable(text: str) -> str:
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("must not hold null characters or half characters")
    return text


Text = Annotated[str, AfterValidator(_storable)]
"""A string without null characters and lone surrogates; add a length where it is used."""

Name = Annotated[Text, StringConstraints(min_length=1, max_length=200)]
"""A non-empty string of at most 200 characters."""

SLUG: Final = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
Slug = Annotated[str, StringConstraints(pattern=SLUG)]
"""An organisation's or source's id: lower-case letters, digits and inner hyphens, at most 63."""


Day = Annotated[date, BeforeValidator(_iso_text)]
"""A date, which neither a number nor a moment is."""

Moment = Annotated[AwareDatetime, BeforeValidator(_written), AfterValidator(_of_our_time)]
"""A moment with its zone, in any of the years that a database and its clients agree on; a number is none."""


class Wire(BaseModel):
    """A body in or out: immutable, and closed to fields it does not name."""

    model_config = ConfigDict(frozen=True, extra="forbid")
