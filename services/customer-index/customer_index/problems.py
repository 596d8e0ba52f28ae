"""What can go wrong in customer-index.

Problem
├── NotFound
│   ├── UnknownRecord        404
│   ├── UnknownPerson        404
│   └── UnknownLoad          404
├── IdempotencyKeyReused     422
└── InvalidRequest
    ├── NamelessRecord       422
    └── TooLittleToGoOn      422
"""

from shared.problems import InvalidRequest, NotFound


class UnknownRecord(NotFound):
    """This source has no such record.

    Check the local id; a withdrawn record is gone.
    """


class UnknownPerson(NotFound):
    """There is no such person, or none that you may know of.

    The answer is the same for a person that does not exist and one this call may not know.
    """


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
