"""Numbers and mailboxes that belong to nobody: drama telephone ranges, 999 NHS numbers, GA National Insurance numbers.

Everything here comes from ranges that are set apart from real use, so that synthetic data can never reach a person.
"""

from collections.abc import Iterator
from itertools import cycle
from random import Random
from unicodedata import normalize

# Ofcom, "Telephone numbers for use in TV and radio drama programmes": the digits before the last three.
_NEAR = ("07700900", "02079460")
_FAR = (
    *(f"0{area}4960" for area in (113, 114, 115, 116, 117, 118, 121, 131, 141, 151, 161)),
    "01914980",
    "02896496",
    "02920180",
    "01632960",
    "03069990",
)
DRAMA_RANGES: tuple[str, ...] = (*_NEAR, *_FAR)


def phone_numbers(rng: Random) -> Iterator[str]:
    """Deal every drama number once, mobile and London ones first, then all of them again."""
    decks = [[f"{head}{tail:03d}" for head in heads for tail in range(1000)] for heads in (_NEAR, _FAR)]
    for deck in decks:
        rng.shuffle(deck)
    return cycle(decks[0] + decks[1])


def nhs_numbers(rng: Random) -> Iterator[str]:
    """Deal distinct NHS numbers beginning 999 with a right modulus 11 check digit."""
    seen: set[int] = set()
    while True:
        body = 999_000_000 + rng.randrange(1_000_000)
        check = (
            11 - sum(int(digit) * weight for digit, weight in zip(str(body), range(10, 1, -1), strict=True)) % 11
        ) % 11
        if check != 10 and body not in seen:
            seen.add(body)
            yield f"{body}{check}"


def national_insurance_numbers(rng: Random) -> Iterator[str]:
    """Deal distinct National Insurance numbers with the unallocated prefix GA."""
    seen: set[str] = set()
    while True:
        number = f"GA{rng.randrange(1_000_000):06d}{rng.choice('ABCD')}"
        if number not in seen:
            seen.add(number)
            yield number


def mailbox(rng: Random, *, given: str, family: str, distinct: int) -> str:
    """Make up an e-mail address in a reserved domain; `distinct` keeps two of one name apart."""
    first, last = _letters(given), _letters(family)
    local = rng.choice((f"{first}.{last}", f"{first[:1]}{last}", f"{last}{first}", f"{first}"))
    return f"{local}{distinct}@example.{rng.choice(('org', 'com', 'net'))}"


def _letters(name: str) -> str:
    plain = normalize("NFKD", name.translate(str.maketrans("łŁıøß", "lLios"))).encode("ascii", "ignore").decode()
    return "".join(letter for letter in plain.lower() if letter.isalpha())
