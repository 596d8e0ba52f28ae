"""Tokens for people and systems of a node on this machine, and their entry in the staff register.

In this room: a node seen by commands of the same user, who can read its identity providers' keys. The register is
changed through the public API, as the local administrator whom `organisations` entered in every organisation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import httpx

from single_node.place import Place
from single_node.tokens import signed_token

LOCAL_ADMIN: Final = "scv-local-admin"
"""The subject who enters others in the register of an organisation on a single node."""


class NotPossible(Exception):
    """The command cannot be carried out; the message says why and how to mend it."""


@dataclass(frozen=True, slots=True)
class LocalNode:
    """A running node whose data directory we can read."""

    place: Place
    url: str

    def token(self, org: str, *, subject: str, roles: Sequence[str]) -> str:
        """Give a token for a subject; one unknown to the register is entered with these roles and no training."""
        self.register(org, subject=subject, roles=roles)
        return self.signed(org, subject=subject, roles=roles)

    def register(self, org: str, *, subject: str, roles: Sequence[str]) -> frozenset[str]:
        """Enter an unknown subject with these roles; give the roles that the register allows the subject."""
        path = f"/v1/organisations/{org}/staff/{subject}"
        headers = {"Authorization": f"Bearer {self.signed(org, subject=LOCAL_ADMIN, roles=('admin',))}"}
        with httpx.Client(base_url=self.url, headers=headers, timeout=30) as http:
            found = http.get(path)
            if found.status_code == httpx.codes.NOT_FOUND:
                entry = {"roles": list(roles), "training": [], "commitments": []}
                found = http.put(path, json=entry)
        if found.is_error:
            raise NotPossible(f"The staff register of {org} answered {found.status_code}: {explained(found)}")
        return frozenset(found.json()["roles"])

    def signed(self, org: str, *, subject: str, roles: Sequence[str]) -> str:
        """Sign a token as the organisation's local identity provider, whatever the register says."""
        if not (self.place.secrets / f"identity-{org}.jwk").exists():
            raise NotPossible(f"There is no local identity provider for {org}; there is one for {self._known()}.")
        key = self.place.signing_key(f"identity-{org}")
        return signed_token(org, subject=subject, roles=roles, key=key, at=datetime.now(UTC))

    def _known(self) -> str:
        names = (path.stem.removeprefix("identity-") for path in self.place.secrets.glob("identity-*.jwk"))
        return ", ".join(sorted(names))


def local_node(place: Place) -> LocalNode:
    """Find the node that runs on a data directory. Raises `NotPossible`."""
    found = place.announcement()
    try:
        if found is not None:
            httpx.get(f"{found.url}/livez", timeout=10).raise_for_status()
            return LocalNode(place, found.url)
    except httpx.HTTPError:
        pass
    raise NotPossible(f"No node is running on {place.root}. Start one with `make run`, or name its data: SCV_DATA=…")


def explained(answer: httpx.Response) -> str:
    """Give what a problem says: its detail and where, which never hold a value."""
    try:
        problem = answer.json()
        places = "; ".join(f"{error['pointer']} {error['detail']}" for error in problem.get("errors", []))
        return " ".join(part for part in (problem["title"] + ".", problem.get("detail", ""), places) if part)
    except (ValueError, KeyError, TypeError):
        return answer.reason_phrase
