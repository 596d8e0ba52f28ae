"""The single values a source sends, parsed strictly: dates, identifiers, postcodes, phones and e-mails.

In this room: one pure function a kind of value; each gives the comparable form, or None where the text is not usable.
`validity` says which values of a record are unusable and `normalise` leaves exactly those out, because both ask here.
Not in this room: names and addresses, which are never wrong, only different.
"""

import re
from datetime import UTC, date, datetime
from typing import Final

import phonenumbers

from customer_index.names import words_of

EARLIEST_BIRTH: Final = date(1875, 1, 1)
"""Nobody alive was born before this; earlier dates come from systems that had to write something."""

PLACEHOLDER_DATES: Final = frozenset(
    date.fromisoformat(text)
    for text in ("0001-01-01", "1111-11-11", "1753-01-01", "1899-12-30", "1899-12-31", "1900-01-01", "9999-12-31")
)
_PLACEHOLDER_MAILBOXES: Final = words_of(
    "anonymous donotreply email na nil no no-email no-reply noemail nomail none noreply notgiven notknown refused test"
    " unknown x xx xxx"
)

_DATE = re.compile(r"\d{4}-?\d{2}-?\d{2}", re.ASCII)
_NOT_ALPHANUMERIC = re.compile(r"[^A-Z0-9]")
_NHS_NUMBER = re.compile(r"\d{3}([ -]?)\d{3}\1\d{4}", re.ASCII)
_NATIONAL_INSURANCE_NUMBER = re.compile(
    r"(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6}[A-D]", re.ASCII
)
_POSTCODE = re.compile(
    r"(GIR|[A-PR-UWYZ]\d[\dA-HJKPSTUW]?|[A-PR-UWYZ][A-HK-Y]\d[\dABEHMNPRVWXY]?)(\d[ABD-HJLNP-UW-Z]{2})", re.ASCII
)
_UPRN = re.compile(r"\d{1,12}", re.ASCII)
_EMAIL = re.compile(r"[^\s@,;<>()\"]+@(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]")
_PHONE_PUNCTUATION = str.maketrans("", "", " -.()\u00a0")
_PLAIN_GB_PHONE = re.compile(r"(?:\+44|0044|0)([1237]\d{9})", re.ASCII)
_ONE_DIGIT_REPEATED = re.compile(r"(\d)\1{6}", re.ASCII)


def parse_date(text: str) -> date | None:
    """Read an ISO date, with or without hyphens; None for anything else, and for dates that stand for "not known"."""
    if not _DATE.fullmatch(text):
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return None if day in PLACEHOLDER_DATES else day


def parse_birth(text: str, *, at: date | None = None) -> date | None:
    """Read a date on which a person could have been born, seen from `at` (today)."""
    day = parse_date(text)
    if day is None or not EARLIEST_BIRTH <= day <= (at or datetime.now(UTC).date()):
        return None
    return day


def parse_nhs_number(text: str) -> str | None:
    """Give the ten digits of an NHS number whose check digit (modulus 11) is right, else None."""
    text = text.strip()
    if not _NHS_NUMBER.fullmatch(text):
        return None
    digits = text.replace(" ", "").replace("-", "")
    if digits == digits[0] * 10:
        return None
    remainder = sum(weight * int(digit) for weight, digit in zip(range(10, 1, -1), digits, strict=False)) % 11
    return digits if (11 - remainder) % 11 == int(digits[9]) else None


def parse_national_insurance_number(text: str) -> str | None:
    """Give a National Insurance number in nine characters if the Department for Work and Pensions could issue it."""
    number = _NOT_ALPHANUMERIC.sub("", text.upper())
    return number if _NATIONAL_INSURANCE_NUMBER.fullmatch(number) else None


def parse_postcode(text: str) -> str | None:
    """Give a postcode as outward and inward code with one space between, or None if it is not shaped like one."""
    found = _POSTCODE.fullmatch(_NOT_ALPHANUMERIC.sub("", text.upper()))
    return f"{found[1]} {found[2]}" if found else None


def parse_uprn(text: str) -> str | None:
    """Give a unique property reference number without leading zeros."""
    text = text.strip()
    return text.lstrip("0") or None if _UPRN.fullmatch(text) else None


def parse_email(text: str) -> str | None:
    """Give an e-mail address in lower case; None if it cannot be one or only fills the field."""
    email = text.strip().lower()
    if not _EMAIL.fullmatch(email) or email.partition("@")[0] in _PLACEHOLDER_MAILBOXES:
        return None
    return email


def parse_phone(text: str) -> str | None:
    """Give a phone number in E.164, read as a British one where it names no country.

    Numbers need only be possible, not allotted: ranges open faster than lists of them travel. A plainly written British
    number skips the library, which costs a hundred times more; a property test holds the two paths equal.
    """
    plain = _PLAIN_GB_PHONE.fullmatch(text.translate(_PHONE_PUNCTUATION))
    number = f"+44{plain[1]}" if plain else parse_any_phone(text)
    return None if number is None or _ONE_DIGIT_REPEATED.search(number) else number


def parse_any_phone(text: str) -> str | None:
    """Give any country's phone number in E.164 by asking the library."""
    try:
        number = phonenumbers.parse(text, "GB")
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
