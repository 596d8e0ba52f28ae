"""The codes by which services are found: what people need help with.

Pure. In this room: the one taxonomy the directory ships. Ids are derived from the codes, so they are the same on every
installation.
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid5

_NAMESPACE: Final = UUID("6f7c2f0a-6b0f-5a39-9b0e-6b5d9e0c7a41")
TAXONOMY_NAME: Final = "needs"


def derived_id(*parts: str) -> UUID:
    """Give an id that follows from its parts."""
    return uuid5(_NAMESPACE, "/".join(parts))


TAXONOMY_ID: Final = derived_id("taxonomy", TAXONOMY_NAME)


@dataclass(frozen=True, slots=True)
class Term:
    """A code and what it stands for."""

    code: str
    name: str
    description: str

    @property
    def term_id(self) -> UUID:
        """The id of the code."""
        return derived_id("taxonomy-term", TAXONOMY_NAME, self.code)


TERMS: Final = tuple(
    Term(code, name, description)
    for code, name, description in (
        ("advocacy", "Advocacy", "Somebody to speak up for a person"),
        ("befriending", "Befriending", "Company for people who are lonely"),
        ("benefits-advice", "Benefits advice", "Help with claiming benefits"),
        ("bereavement", "Bereavement", "Support after a death"),
        ("carers", "Carers", "Support for those who care for somebody"),
        ("childcare", "Childcare", "Looking after children"),
        ("debt-advice", "Debt advice", "Help with debts"),
        ("disability", "Disability", "Support for disabled people"),
        ("domestic-abuse", "Domestic abuse", "Safety and support after domestic abuse"),
        ("employment", "Employment", "Finding and keeping work"),
        ("family-support", "Family support", "Support for parents and families"),
        ("food", "Food", "Food for people who cannot afford it"),
        ("health", "Health", "Health and wellbeing"),
        ("homelessness", "Homelessness", "Help for people without a home, or about to lose theirs"),
        ("housing-advice", "Housing advice", "Advice on housing and tenancies"),
        ("immigration-advice", "Immigration advice", "Advice on immigration status"),
        ("learning", "Learning", "Courses and skills"),
        ("mental-health", "Mental health", "Support with mental health"),
        ("older-people", "Older people", "Support for older people"),
        ("substance-use", "Substance use", "Support with alcohol and drugs"),
        ("transport", "Transport", "Getting about"),
        ("youth", "Youth", "Support for young people"),
    )
)
"""All codes, in order."""

BY_CODE: Final = {term.code: term for term in TERMS}
