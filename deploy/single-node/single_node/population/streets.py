"""Where synthetic residents live: invented streets in real postal districts of three boroughs.

Every UPRN begins 9999, a range that is not allocated; street and house names are made up. Who lives where is not
decided here.
"""

from dataclasses import dataclass
from random import Random

from single_node.population.names import words

OWNERS = ("lbhf", "rbkc", "wcc")

_DISTRICTS: dict[str, tuple[str, ...]] = {
    "lbhf": ("W6", "W12", "W14", "SW6"),
    "rbkc": ("SW3", "SW5", "SW7", "SW10", "W8", "W10", "W11"),
    "wcc": ("W1H", "W1U", "W2", "W9", "NW8", "SW1P", "SW1V"),
}
_STEMS = words("""
    Larkmere Thistledown Osprey Quillfeather Marrowby Pennywhistle Saltfleet Brackenhurst Copperfinch
    Dunmallow Elverstone Foxcombe Gilliflower Harrowdene Inglemoor Jessamy Kestrelford Lavenderhill Millrace Nettlecombe
    Oakhanger Petersfold Quarrendon Rosemount Silverdale Tamarisk Umberslade Vinehall Wexcombe Yarrowby Ashgrove
    Bellweather Cinderford Dovecote Emberley Fernhollow Greywether Hollowmead Ivorstone Juniperfield""")
_KINDS = words("Road Street Gardens Avenue Terrace Crescent Mews Square Grove Place")
_BLOCKS = words("Heron Falcon Linnet Plover Avocet Merlin Curlew Dunlin Swift Bittern Lapwing Wagtail")
# The Post Office leaves C I K M O V out of the last two letters of a postcode.
_UNIT_LETTERS = "ABDEFGHJLNPQRSTUWXYZ"


@dataclass(frozen=True)
class Address:
    """One addressable dwelling: a flat or a whole house."""

    owner: str
    lines: tuple[str, ...]
    postcode: str
    uprn: str
    town: str = "London"


def addresses(rng: Random, owner: str, *, at_least: int, first_uprn: int) -> list[Address]:
    """Lay out invented streets of one borough until they hold `at_least` dwellings, in random order.

    UPRNs run upwards from 999900000000 + `first_uprn`.
    """
    found: list[Address] = []
    names = [f"{stem} {kind}" for stem in _STEMS for kind in _KINDS]
    rng.shuffle(names)
    number_of_streets = 0
    while len(found) < at_least:
        street = names[number_of_streets % len(names)]
        number_of_streets += 1
        outward = rng.choice(_DISTRICTS[owner])
        for lines, postcode in _street(rng, street, outward=outward):
            found.append(Address(owner, lines, postcode, str(999900000000 + first_uprn + len(found))))
    rng.shuffle(found)
    return found


def _street(rng: Random, street: str, *, outward: str) -> list[tuple[tuple[str, ...], str]]:
    dwellings: list[tuple[tuple[str, ...], str]] = []
    sector = rng.randrange(10)
    house = rng.randrange(1, 30)
    for _ in range(rng.randrange(2, 5)):
        postcode = f"{outward} {sector}{rng.choice(_UNIT_LETTERS)}{rng.choice(_UNIT_LETTERS)}"
        for _ in range(rng.randrange(4, 9)):
            house += rng.choice((1, 2, 2, 3))
            plot = rng.random()
            if plot < 0.55:
                dwellings.append(((f"{house} {street}",), postcode))
            elif plot < 0.8:
                dwellings.extend(((f"{house}{letter} {street}",), postcode) for letter in "ABC")
            elif plot < 0.95:
                dwellings.extend(((f"Flat {flat}", f"{house} {street}"), postcode) for flat in range(1, 5))
            else:
                block = f"{rng.choice(_BLOCKS)} House"
                dwellings.extend(((f"Flat {flat} {block}", street), postcode) for flat in range(1, 13))
    return dwellings
