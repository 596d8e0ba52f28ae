"""What `scv` prints to lead its user on: exact commands, ready to be copied."""

import csv
import json
import shlex
import sys
from pathlib import Path
from typing import Any, Final

from single_node.place import Announcement, Place

LOADED: Final = "loaded"
"""The file that says, beside some extracts, that all of them were loaded."""

_EXTRACT: Final = "lbhf-crm.*"


def welcome(announcement: Announcement, place: Place, *, extracts: Path) -> str:
    """Say where a node answers, where its data are, and what can be done next."""
    told = [
        f"The platform is running:  {announcement.url}   (its API: {announcement.url}/docs)",
        f"Its data are kept in      {place.root}",
        "Stop it with Ctrl-C.",
        "",
        "Organisations: lbhf, rbkc, wcc (boroughs), shelter-west (partner), platform (operator).",
        "Every borough has the sources crm, council-tax, housing, benefits and adult-social-care.",
        "",
        "What next, in another terminal:",
        "",
    ]
    if place.root != Place(Path(".scv").absolute()).root:
        told.append(f"  export SCV_DATA={shlex.quote(str(place.root))}")
    if not any(extracts.glob(_EXTRACT)):
        return "\n".join(
            [*told, f"  {_scv()} extracts {_shown(extracts)}", "", "It writes synthetic residents and says more."]
        )
    if (extracts / LOADED).exists():
        return "\n".join([*told, search_step(extracts, url=announcement.url)])
    return "\n".join([*told, load_step(extracts), search_step(extracts, url=announcement.url)])


def load_step(extracts: Path) -> str:
    """Say how to load one of some extracts."""
    return f"  {_scv()} load --org lbhf --source crm {_shown(_extract(extracts))}"


def search_step(extracts: Path, *, url: str) -> str:
    """Say how to get a worker's token and search for one of the synthetic residents in some extracts."""
    someone = _someone(_extract(extracts))
    query = {name: someone[name] for name in ("family_name", "date_of_birth")}
    return "\n".join(
        [
            f"  TOKEN=$({_scv()} token --org lbhf --subject alice --role caseworker)",
            f'  curl -s {url}/v1/people/search -H "Authorization: Bearer $TOKEN" \\',
            "       -H 'SCV-Purpose: customer-service' -H 'Content-Type: application/json' \\",
            f"       -d {shlex.quote(json.dumps(query, ensure_ascii=False))}",
            "",
            "The answer's person_id is the key to the single view:",
            "",
            f"  curl -s {url}/v1/people/PERSON_ID \\",
            "       -H \"Authorization: Bearer $TOKEN\" -H 'SCV-Purpose: customer-service'",
        ]
    )


def _extract(extracts: Path) -> Path:
    """Give the extract to show, the newest if it was written in more than one form."""
    return max(extracts.glob(_EXTRACT), key=lambda path: path.stat().st_mtime)


def _someone(extract: Path) -> dict[str, Any]:
    """Read the first record that knows when its customer was born."""
    with extract.open(encoding="utf-8", newline="") as lines:
        records = csv.DictReader(lines) if extract.suffix == ".csv" else map(json.loads, lines)
        return next(dict(record) for record in records if record.get("date_of_birth"))


def _scv() -> str:
    return _shown(Path(sys.executable).with_name("scv"))


def _shown(path: Path) -> str:
    """Write a path as short as the current directory allows, fit for a shell."""
    path = path.absolute()
    return shlex.quote(str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path))
