"""What several bodies have in common: codes, words, and whom something is about."""

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from shared.wire import Slug, Text, Wire

Code = Annotated[int, Field(strict=True, ge=0, le=99_999)]
Words = Annotated[Text, StringConstraints(min_length=1, max_length=4000)]
ShortText = Annotated[Text, StringConstraints(min_length=1, max_length=200)]
LocalId = Annotated[Text, StringConstraints(min_length=1, max_length=200)]
PostcodeSector = Annotated[str, StringConstraints(pattern=r"^[A-Z]{1,2}[0-9][A-Z0-9]? [0-9]$")]
"""An outward code and the first digit after it, such as `W6 9`: where, and nobody's home."""
Channel = Literal[
    "telephone",
    "face-to-face",
    "one-stop-shop",
    "web",
    "email",
    "text",
    "kiosk",
    "post",
    "visit",
    "out-of-hours",
]


class AboutSomebody(Wire):
    """Something about somebody: a source record, or a person of the caller's own organisation."""

    source: Slug | None = None
    local_id: LocalId | None = None
    person_id: UUID | None = None

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        named = (self.source is not None, self.local_id is not None, self.person_id is not None)
        if named not in ((True, True, False), (False, False, True)):
            raise ValueError("name either source and local_id, or person_id")
        return self


class Warned(Wire):
    """Something that was taken otherwise than it came, and why."""

    pointer: str
    detail: str
