"""What the story looks for in an answer: the fields of each category, and values that would give a borough away.

Pure, from the records the demo itself has loaded; nothing here is told to the platform.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from single_node.demo.casting import Resident
from single_node.population import Extracted

FIELDS: Final = {
    "existence": {"record_id", "owner", "source", "service_area", "local_id", "version", "observed_at"},
    "identity": {
        "given_names",
        "family_name",
        "previous_family_names",
        "known_as",
        "title",
        "date_of_birth",
        "date_of_death",
        "gender",
    },
    "contact_details": {"phones", "emails", "preferred_channel"},
}
"""The fields of a record in the categories that the story's agreement grants as values."""


def granted(resident: Resident) -> list[str]:
    """List values by which the provider's records in the areas of the agreement would be noticed."""
    shared = resident.shared
    return [*(item.local_id for item in shared), *_only_theirs(resident, shared, details=_reachable)]


def not_granted(resident: Resident) -> list[str]:
    """List values that the agreement gives to nobody: those of other records, and the addresses of all."""
    known = {detail for item in resident.shared for detail in _reachable(item.record)}
    reachable = _only_theirs(resident, resident.kept_back, details=_reachable)
    return [
        *(item.local_id for item in resident.kept_back),
        *(detail for detail in reachable if detail not in known),
        *_only_theirs(resident, resident.provider, details=postcodes),
    ]


def postcodes(record: Mapping[str, Any]) -> list[str]:
    """List the postcodes of a record."""
    return [address["postcode"] for address in record.get("addresses", ()) if "postcode" in address]


def contents(view: Any) -> Iterable[str]:
    """Tell in a few lines what a single view shows, without a value."""
    for record in view["records"]:
        fields = [name if value != {"exists": True} else f"{name} (exists)" for name, value in record.items()]
        shown = [field for field in fields if field.partition(" ")[0] not in FIELDS["existence"]]
        yield f"{record['owner']}/{record['service_area']} {record['local_id']}: {', '.join(shown)}"
    for one in view["withheld"]:
        yield f"withheld {one['owner']}/{one['service_area']}: {', '.join(one['categories'])} ({one['reason']})"


def _reachable(record: Mapping[str, Any]) -> list[str]:
    return [*record.get("phones", ()), *record.get("emails", ())]


def _only_theirs(
    resident: Resident, items: Iterable[Extracted], *, details: Callable[[Mapping[str, Any]], list[str]]
) -> list[str]:
    """List details of some of the provider's records that the reader's own records do not hold."""
    ours = {detail for item in resident.reader for detail in details(item.record)}
    return [detail for item in items for detail in details(item.record) if detail not in ours]
