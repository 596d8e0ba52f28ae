"""The ways in which clerks, forms and scanners get a value wrong: slips of the keyboard, the ear and the eye.

Pure functions of a value and a random source. Which value of which record goes wrong is decided in `extracts`.
"""

from collections.abc import Callable
from datetime import date
from random import Random

from single_node.population.naming import short_form_of, spellings_of

_NEIGHBOURS = dict(zip("qwertyuiopasdfghjklzxcvbnm", "wqewrtyuioksafgdhjkaxczbvn", strict=True))
_SOUNDS = (
    ("ph", "f"),
    ("ck", "k"),
    ("kh", "k"),
    ("ee", "ie"),
    ("ie", "ei"),
    ("ou", "u"),
    ("ai", "ay"),
    ("y", "i"),
    ("th", "t"),
    ("sh", "s"),
    ("z", "s"),
    ("w", "v"),
    ("c", "k"),
    ("ll", "l"),
    ("nn", "n"),
    ("ss", "s"),
)
_LOOKALIKES = (("rn", "m"), ("m", "rn"), ("l", "1"), ("o", "0"), ("cl", "d"), ("vv", "w"), ("u", "v"), ("e", "c"))
_PLAIN = str.maketrans("łŁıŞşğĞçÇöÖüÜáéíóúñãõâêôàèùëïăâîșțńśźżęąÁÉÍÓÚ", "lLiSsgGcCoOuUaeiounaoaeoaeueiaaistnszzeaAEIOU")


def misspelt(rng: Random, text: str) -> str:
    """Make one slip in a word; a text of fewer than three letters comes back unchanged."""
    if len(text) < 3:
        return text
    return rng.choice(_SLIPS)(rng, text)


def miswritten_forename(rng: Random, name: str, *, known_as: str | None) -> str:
    """Write a forename as what its bearer is called, another spelling, its short form or with a slip."""
    if known_as and rng.random() < 0.5:
        return known_as
    other = spellings_of(name)
    short = short_form_of(name)
    if other and rng.random() < 0.6:
        return rng.choice(other)
    if short and rng.random() < 0.5:
        return short
    return _restyled(rng, name) if rng.random() < 0.25 else misspelt(rng, name)


def miswritten_family_name(rng: Random, name: str) -> str:
    """Write a family name as another spelling, half of a double one, without its accents, or with a slip."""
    other = spellings_of(name)
    if other and rng.random() < 0.6:
        return rng.choice(other)
    halves = name.replace("-", " ").split()
    if len(halves) > 1 and len(halves[-1]) > 3 and rng.random() < 0.4:
        return halves[-1]
    return _restyled(rng, name) if rng.random() < 0.3 else misspelt(rng, name)


def misdated(rng: Random, day: date) -> date:
    """Swap day and month or get one digit wrong; always another real day."""
    if day.day <= 12 and day.day != day.month and rng.random() < 0.35:
        return date(day.year, day.day, day.month)
    while True:
        digits = list(day.isoformat())
        place = rng.choice((2, 3, 3, 6, 8, 9, 9))
        digits[place] = str(rng.randrange(10))
        try:
            wrong = date.fromisoformat("".join(digits))
        except ValueError:
            continue
        if wrong != day and wrong.year <= 2026:
            return wrong


def spoilt_postcode(rng: Random, postcode: str) -> str:
    """Spoil a postcode: letters mistaken for digits, the inward half lost, or two characters swapped."""
    kind = rng.random()
    if kind < 0.4:
        return postcode.split()[0]
    if kind < 0.7:
        return postcode.replace(" ", "").lower()
    return postcode[:-2] + postcode[-1] + postcode[-2]


def spoilt_phone(rng: Random, number: str) -> str:
    """Lose the last digits of a telephone number, so that it is none; never turns it into another's."""
    return number[: -rng.randrange(3, 5)]


def spoilt_email(rng: Random, email: str) -> str:
    """Make a slip before the @ or lose the @."""
    local, _, domain = email.partition("@")
    if rng.random() < 0.3:
        return f"{local}.{domain}"
    place = rng.randrange(len(local) - 1)
    return f"{local[:place]}{local[place + 1]}{local[place]}{local[place + 2 :]}@{domain}"


def spoilt_line(rng: Random, line: str) -> str:
    """Abbreviate or misspell a line of an address."""
    for full, short in (("Road", "Rd"), ("Street", "St"), ("Gardens", "Gdns"), ("Avenue", "Ave"), ("Flat ", "Apt ")):
        if full in line and rng.random() < 0.6:
            return line.replace(full, short)
    head, space, tail = line.rpartition(" ")
    return f"{head}{space}{misspelt(rng, tail)}"


def _inserted(rng: Random, text: str) -> str:
    place = rng.randrange(1, len(text))
    return text[:place] + rng.choice((text[place], _NEIGHBOURS.get(text[place], "e"))) + text[place:]


def _deleted(rng: Random, text: str) -> str:
    place = rng.randrange(1, len(text))
    return text[:place] + text[place + 1 :]


def _substituted(rng: Random, text: str) -> str:
    place = rng.randrange(1, len(text))
    return text[:place] + _NEIGHBOURS.get(text[place], "e") + text[place + 1 :]


def _transposed(rng: Random, text: str) -> str:
    place = rng.randrange(1, len(text) - 1)
    return text[:place] + text[place + 1] + text[place] + text[place + 2 :]


def _misheard(rng: Random, text: str) -> str:
    return _replaced(rng, text, pairs=_SOUNDS)


def _misread(rng: Random, text: str) -> str:
    return _replaced(rng, text, pairs=_LOOKALIKES)


def _replaced(rng: Random, text: str, *, pairs: tuple[tuple[str, str], ...]) -> str:
    fitting = [(old, new) for old, new in pairs if old in text[1:]]
    if not fitting:
        return _deleted(rng, text)
    old, new = rng.choice(fitting)
    return text[0] + text[1:].replace(old, new, 1)


def _restyled(rng: Random, name: str) -> str:
    """Change what a keyboard or a form changes: capitals, accents, hyphens, stray blanks."""
    styled = (name.upper(), name.lower(), name.translate(_PLAIN), name.replace("-", " ").replace("'", ""), f" {name} ")
    different = [form for form in styled if form != name]
    return rng.choice(different)


_SLIPS: tuple[Callable[[Random, str], str], ...] = (
    _inserted,
    _deleted,
    _substituted,
    _transposed,
    _misheard,
    _misheard,
    _misread,
)
