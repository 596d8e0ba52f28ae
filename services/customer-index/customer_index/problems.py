"""What can go wrong in customer-index.

Problem
├── NotFound
│   ├── UnknownRecord        404
│   ├── UnknownPerson        404
│   ├── UnknownReview        404
│   ├── UnknownStewardship   404
│   └── UnknownLoad          404
├── ReviewDecided            409
├── PersonsChanged           409
├── KeptApartBySeal          409
├── AlreadyUndone            409
├── UndoBlocked              409
├── IdempotencyKeyReused     422
└── InvalidRequest
    ├── NamelessRecord       422
    └── TooLittleToGoOn      422
"""

from typing import ClassVar

from shared.problems import InvalidRequest, NotFound, Problem


class UnknownRecord(NotFound):
    """This source has no such record.

    Check the local id; a withdrawn record is gone.
    """


class UnknownPerson(NotFound):
    """There is no such person, or none that you may know of.

    The answer is the same for a person that does not exist and one this call may not know.
    """


class UnknownReview(NotFound):
    """There is no such review, or none that you may know of.

    The answer is the same for a review that does not exist and one with a side this call may not know.
    """


class UnknownStewardship(NotFound):
    """Your organisation's stewards did no such thing, or nothing that you may know of.

    Use the `stewardship_id` that a merge, a split or a decision was answered with.
    """


class ReviewDecided(Problem):
    """Your organisation has decided this review.

    Undo the decision by its `stewardship_id` to decide anew.
    """

    status: ClassVar[int] = 409


class PersonsChanged(Problem):
    """The persons have changed since you read them.

    Read them again, and decide on what they are now.
    """

    status: ClassVar[int] = 409


class KeptApartBySeal(Problem):
    """A seal keeps these persons, or these records, from each other.

    What is sealed can be merged and split on its own side only.
    """

    status: ClassVar[int] = 409


class AlreadyUndone(Problem):
    """This was undone before.

    Nothing more is to be done; read the persons to see how they are now.
    """

    status: ClassVar[int] = 409


class UndoBlocked(Problem):
    """What came later stands in the way.

    `in_the_way` lists records that were withdrawn or moved since, and later acts of stewardship to undo first.
    """

    status: ClassVar[int] = 409


class UnknownLoad(NotFound):
    """There is no such load of your organisation.

    Use the `load_id` that the accepted load was answered with.
    """


class NamelessRecord(InvalidRequest):
    """A record needs at least one usable name or identifier.

    Send a given name, a family name, an NHS number or a National Insurance number.
    """


class TooLittleToGoOn(InvalidRequest):
    """The search needs more to go on.

    Give a postcode, UPRN, phone, e-mail or identifier, or a name together with another name or the date of birth.
    """
