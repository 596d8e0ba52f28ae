"""What leaves of each kind of row: the category that lets it be seen, and its fields.

A field that is not listed never leaves. Ids, owner and service area go with the row itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from shared.categories import Category


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of row: the name of its id, and the fields that its category opens."""

    id_field: str
    category: Category
    fields: tuple[str, ...]

    @property
    def category_of(self) -> Mapping[str, Category]:
        """The allow-list as `disclose()` takes it."""
        return dict.fromkeys(self.fields, self.category)


CONTACT: Final = Kind(
    "contact_id",
    Category.CONTACTS,
    (
        "case_id",
        "episode_id",
        "channel",
        "lgsl",
        "lgil",
        "access_point",
        "started_at",
        "ended_at",
        "handled_by",
        "resolved_at_first_contact",
        "hand_offs",
        "unresolved_reason",
        "needs_met",
        "satisfaction",
        "postcode_sector",
        "recorded_at",
    ),
)

CASE: Final = Kind(
    "case_id",
    Category.CASES,
    (
        "episode_id",
        "lgsl",
        "lgil",
        "cluster",
        "speed",
        "channel",
        "description",
        "household",
        "postcode_sector",
        "status",
        "due_at",
        "handled_by",
        "opened_at",
        "changed_at",
    ),
)

NOTE: Final = Kind("note_id", Category.CASE_NOTES, ("text", "status", "written_by", "written_at"))

EPISODE: Final = Kind(
    "episode_id", Category.CASES, ("cluster", "trigger", "subject", "lead", "status", "status_reason", "opened_at")
)

REFERRAL: Final = Kind("referral_id", Category.REFERRALS, ("service_id", "status", "outcome", "made_at", "changed_at"))
"""A referral as far as its episode tells of it."""

QUEUED: Final = Kind(
    "case_id",
    Category.CASES,
    ("episode_id", "lgsl", "lgil", "cluster", "speed", "status", "due_at", "handled_by", "opened_at"),
)
"""A case as it stands in a work queue: codes and dates, nobody's words and nobody's name."""

ASSESSMENT: Final = Kind(
    "assessment_id",
    Category.ASSESSMENTS,
    ("lgsl", "facts", "outcome", "status", "status_reason", "assessed_by", "assessed_at", "changed_at"),
)
