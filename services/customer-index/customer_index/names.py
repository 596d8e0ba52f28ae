"""Names as they are compared: folded, split into words, without titles and without words that only fill a field.

In this room: `fold()`, the one way text is made comparable, and what a given and a family name become. Not in this
room: how alike two names are (`likeness`) and how common one is (`model`).
"""

import re
import unicodedata
from functools import lru_cache
from typing import Final


def words_of(text: str) -> frozenset[str]:
    """Read a list of words or codes that is written as one text."""
    return frozenset(text.split())


PARTICLES: Final = words_of(
    "a al ap ben bin bint da dal das de del della den der di do dos du e el fitz ibn la las le los mac mc o os san st"
    " te ten ter um van vd vda von y zu"
)
"""Words that belong to a family name but do not tell families apart."""

_TITLES: Final = words_of("dr miss mr mrs ms mx prof professor")
# Also names that people bear, so they are titles only in front of another word.
_TITLES_BEFORE_NAMES: Final = words_of(
    "capt captain cllr councillor dame doctor fr hon imam lady lord madam master rabbi rev reverend sheikh sir sister"
)
_SUFFIXES: Final = words_of("cbe dds esq esquire iii jnr jr junior kc mbe md obe phd qc senior snr sr")
_PLACEHOLDERS: Final = words_of(
    "anon anonymous asdf deceased dummy nfn nk none notgiven notknown notprovided notstated null occupier occupant"
    " refused tba tbc test testing unborn unk unknown unnamed xx xxx xxxx"
)
# Filled in for a forename that is not known yet; some of them are honest family names.
_FORENAME_PLACEHOLDERS: Final = _PLACEHOLDERS | words_of(
    "adult baby child client customer female infant male person resident tenant twin"
)
_UNTELLING_FIRST_WORDS: Final = frozenset(("md", "mohd", "mst", "thi", "van"))
_PLACEHOLDER_TEXTS: Final = frozenset(
    ("n/a", "n.a.", "not known", "not given", "not stated", "not provided", "no name", "no surname", "the occupier")
)
# Letters that have no decomposition into a base letter and an accent.
_LETTERS: Final = str.maketrans(
    {
        "ß": "ss",
        "æ": "ae",
        "œ": "oe",
        "ø": "o",
        "đ": "d",
        "ð": "d",
        "þ": "th",
        "ł": "l",
        "ı": "i",
        "ħ": "h",
        "ŋ": "n",
        "ə": "e",
    }
)
_APOSTROPHES = re.compile("['’‘`´ʻʼʹ′]")
_NOT_WORD = re.compile(r"[\W_]+")


def fold(text: str) -> str:
    """Bring text to small letters and figures with single spaces between words, without accents and punctuation.

    An apostrophe joins (O'Brien → obrien), every other mark parts (Smith-Jones → smith jones). Letters of other scripts
    stay. Folding twice is folding once.
    """
    if text.isascii():
        text = text.lower()
    else:
        text = unicodedata.normalize("NFKD", text).casefold()
        text = unicodedata.normalize("NFKD", text.translate(_LETTERS)).casefold()
        text = "".join(letter for letter in text.translate(_LETTERS) if not unicodedata.combining(letter))
    if text.isalnum():
        return text
    return _NOT_WORD.sub(" ", _APOSTROPHES.sub("", text)).strip()


@lru_cache(maxsize=65536)
def given_words(text: str) -> tuple[str, ...]:
    """Give the words of a given name, titles and placeholders left out; a hyphen makes one name of two."""
    words = _untitled(text.replace("-", ""))
    return () if words and words[0] in _FORENAME_PLACEHOLDERS else words


@lru_cache(maxsize=65536)
def family_words(text: str) -> tuple[str, ...]:
    """Give the words of a family name, titles before and honours after it left out."""
    words = list(_untitled(text))
    while len(words) > 1 and words[-1] in _SUFFIXES:
        words.pop()
    return () if words and words[0] in _PLACEHOLDERS else tuple(words)


def in_telling_order(given: tuple[str, ...]) -> tuple[str, ...]:
    """Put words that half a community bears first (Thị, Văn, Md) behind the name that tells its bearers apart."""
    leading = 0
    while leading < len(given) - 1 and given[leading] in _UNTELLING_FIRST_WORDS:
        leading += 1
    return given[leading:] + given[:leading]


def family_parts(words: tuple[str, ...]) -> tuple[str, ...]:
    """Give the words that can stand alone for a family name of several: halves of a double-barrel, a name's core."""
    if len(words) < 2:
        return ()
    return tuple(word for word in words if len(word) > 1 and word not in PARTICLES)


def _untitled(text: str) -> tuple[str, ...]:
    if text.strip().lower() in _PLACEHOLDER_TEXTS:
        return ()
    words = [word for word in fold(text).split() if not word.isdigit()]
    while words and (words[0] in _TITLES or (words[0] in _TITLES_BEFORE_NAMES and len(words) > 1)):
        words.pop(0)
    return tuple(words)
