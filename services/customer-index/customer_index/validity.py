"""What is doubtful in a source record: values that are kept as they came and left out of matching, each by its place.

In this room: `check()`, which names fields and never their values, and `is_nameable()`, without which a record is
refused. Not in this room: the parsing itself (`formats`) and the shape of a record, which the wire's schema holds.
One bad telephone number must not lose a customer, so nothing here refuses a value.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

from customer_index.formats import (
    EARLIEST_BIRTH,
    parse_date,
    parse_email,
    parse_national_insurance_number,
    parse_nhs_number,
    parse_phone,
    parse_postcode,
    parse_uprn,
)
from customer_index.names import family_words, given_words, words_of

ACCESSIBILITY_NEEDS: Final = words_of(
    "audio bsl braille carer-present deafblind-manual easy-read hearing-loop home-visit interpreter large-print"
    " lip-reading longer-appointment makaton quiet-space sign-supported-english step-free-access text-relay"
    " wheelchair-access"
)
GENDERS: Final = words_of("female male other unknown")
MARKER_KINDS: Final = words_of(
    "aggressive-animal do-not-visit-alone fire-risk no-lone-worker other police-advice threatening-behaviour"
    " verbal-abuse violence visit-in-pairs weapons"
)
RELATIONSHIP_KINDS: Final = words_of(
    "appointee attorney carer cared-for child civil-partner cohabitant dependant deputy ex-partner foster-carer"
    " foster-child grandchild grandparent guardian next-of-kin other parent partner sibling spouse step-child"
    " step-parent ward"
)
ADDRESS_USES: Final = words_of(
    "business correspondence current former home main other postal previous second-home temporary"
)
PREFERRED_CHANNELS: Final = words_of(
    "email face-to-face kiosk one-stop-shop out-of-hours post telephone text visit web"
)
# RFC 5646: language, then script, region, variants and extensions; private use alone is allowed too.
_LANGUAGE = re.compile(
    r"(?:[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4,8})(?:-[a-z]{4})?(?:-(?:[a-z]{2}|\d{3}))?"
    r"(?:-(?:[a-z\d]{5,8}|\d[a-z\d]{3}))*(?:-[a-wy-z\d](?:-[a-z\d]{2,8})+)*(?:-x(?:-[a-z\d]{1,8})+)?|x(?:-[a-z\d]{1,8})+",
    re.ASCII | re.IGNORECASE,
)
_NOT_A_DATE: Final = "is not a date this person could have; kept, not used for matching"

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FieldWarning:
    """A doubtful value: where it stands (JSON pointer) and what is wrong with it, never the value."""

    pointer: str
    detail: str


def is_nhs_number(text: str) -> bool:
    """Tell whether a text is ten digits with the right check digit."""
    return parse_nhs_number(text) is not None


def is_national_insurance_number(text: str) -> bool:
    """Tell whether a text is a National Insurance number that could have been issued."""
    return parse_national_insurance_number(text) is not None


def is_nameable(record: Record) -> bool:
    """Tell whether a record has at least one usable name or one valid identifier."""
    return (
        any(given_words(name) for name in record.get("given_names") or ())
        or any(family_words(name) for name in record.get("previous_family_names") or ())
        or bool(family_words(record.get("family_name") or ""))
        or bool(given_words(record.get("known_as") or ""))
        or is_nhs_number(record.get("nhs_number") or "")
        or is_national_insurance_number(record.get("national_insurance_number") or "")
    )


def check(record: Record, *, at: date | None = None) -> list[FieldWarning]:
    """List the doubtful values of a record, in the order of its fields, as seen on the day `at` (today)."""
    today = at or datetime.now(UTC).date()
    return [
        *_names(record),
        *_life(record, today),
        *_unparsed(record, "nhs_number", parse_nhs_number, "is not a valid NHS number; kept, not used for matching"),
        *_unparsed(
            record,
            "national_insurance_number",
            parse_national_insurance_number,
            "is not a valid National Insurance number; kept, not used for matching",
        ),
        *_addresses(record),
        *_contacts(record),
        *_accessibility(record),
        *_relations_and_markers(record),
    ]


def _names(record: Record) -> Iterator[FieldWarning]:
    detail = "only fills the field; kept, not used for matching"
    for field, words in (("given_names", given_words), ("previous_family_names", family_words)):
        for place, name in enumerate(record.get(field) or ()):
            if not words(name):
                yield FieldWarning(f"/{field}/{place}", detail)
    for field, words in (("family_name", family_words), ("known_as", given_words)):
        if record.get(field) and not words(record[field]):
            yield FieldWarning(f"/{field}", detail)


def _life(record: Record, today: date) -> Iterator[FieldWarning]:
    born, died = (parse_date(record.get(field) or "") for field in ("date_of_birth", "date_of_death"))
    for field, day in (("date_of_birth", born), ("date_of_death", died)):
        if not record.get(field):
            continue
        if day is None:
            yield FieldWarning(f"/{field}", _NOT_A_DATE)
        elif day > today:
            yield FieldWarning(f"/{field}", "lies in the future; kept, not used for matching")
        elif day < EARLIEST_BIRTH:
            yield FieldWarning(f"/{field}", f"lies before {EARLIEST_BIRTH.year}; kept, not used for matching")
    if born and died and died < born:
        yield FieldWarning("/date_of_death", "lies before the date of birth")
    yield from _unlisted(record, "gender", GENDERS)


def _addresses(record: Record) -> Iterator[FieldWarning]:
    for place, address in enumerate(record.get("addresses") or ()):
        at = f"/addresses/{place}"
        yield from _unparsed(
            address, "postcode", parse_postcode, "is not a UK postcode; kept, not used for matching", at=at
        )
        yield from _unparsed(
            address, "uprn", parse_uprn, "is not a UPRN of 1 to 12 digits; kept, not used for matching", at=at
        )
        yield from _period(address, at, "from", "to")
        yield from _unlisted(address, "use", ADDRESS_USES, at=at)


def _contacts(record: Record) -> Iterator[FieldWarning]:
    for place, phone in enumerate(record.get("phones") or ()):
        if parse_phone(phone) is None:
            yield FieldWarning(f"/phones/{place}", "is not a telephone number; kept, not used for matching")
    for place, email in enumerate(record.get("emails") or ()):
        if parse_email(email) is None:
            yield FieldWarning(f"/emails/{place}", "is not an e-mail address; kept, not used for matching")
    yield from _unlisted(record, "preferred_channel", PREFERRED_CHANNELS)


def _accessibility(record: Record) -> Iterator[FieldWarning]:
    if record.get("preferred_language") and not _LANGUAGE.fullmatch(record["preferred_language"]):
        yield FieldWarning("/preferred_language", "is not shaped like a BCP 47 language tag")
    for place, need in enumerate(record.get("accessibility_needs") or ()):
        yield from _unlisted({str(place): need}, str(place), ACCESSIBILITY_NEEDS, at="/accessibility_needs")


def _relations_and_markers(record: Record) -> Iterator[FieldWarning]:
    for place, relationship in enumerate(record.get("relationships") or ()):
        yield from _unlisted(relationship, "kind", RELATIONSHIP_KINDS, at=f"/relationships/{place}")
    for place, marker in enumerate(record.get("markers") or ()):
        yield from _unlisted(marker, "kind", MARKER_KINDS, at=f"/markers/{place}")
        yield from _period(marker, f"/markers/{place}", "from", "until")


def _unparsed(
    values: Record, field: str, parse: Callable[[str], str | None], detail: str, *, at: str = ""
) -> Iterator[FieldWarning]:
    if values.get(field) and parse(values[field]) is None:
        yield FieldWarning(f"{at}/{field}", detail)


def _unlisted(values: Record, field: str, codes: frozenset[str], *, at: str = "") -> Iterator[FieldWarning]:
    if values.get(field) and values[field] not in codes:
        yield FieldWarning(f"{at}/{field}", "is a code this service does not know; kept as it is")


def _period(values: Record, at: str, *ends: str) -> Iterator[FieldWarning]:
    days: Sequence[date | None] = [parse_date(values.get(end) or "") for end in ends]
    for end, day in zip(ends, days, strict=True):
        if values.get(end) and day is None:
            yield FieldWarning(f"{at}/{end}", "is not an ISO date; kept, not used")
    if days[0] and days[1] and days[1] < days[0]:
        yield FieldWarning(f"{at}/{ends[1]}", f"lies before /{ends[0]}")
