"""Episodes, as far as their cases may be seen."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select

from case_episodes.disclosure import Item, is_shown, shown
from case_episodes.fields import CASE, CONTACT, EPISODE, REFERRAL
from case_episodes.queries.guarding import opener_known, selected
from case_episodes.tables import cases, contacts, episode_referrals, episodes
from shared.categories import Scope, split_scope
from shared.db import AnyRow, Transaction
from shared.permit import Permit
from shared.problems import NotFound


@dataclass(frozen=True, slots=True)
class VisibleEpisode:
    """An episode with those of its cases, contacts and referrals that the call may be shown; at least one case."""

    row: AnyRow
    cases: Sequence[AnyRow]
    contacts: Sequence[AnyRow]
    referrals: Sequence[AnyRow]

    def item(self, *, permit: Permit) -> Item:
        """Give the episode as it is shown: what is not in its cases, only to who may see the case that opened it and
        know whose that is."""
        first = self.cases[0]
        owner, service_area = split_scope(Scope(first.scope))
        whole = self.row.opener_known and is_shown(self.row, EPISODE, permit=permit)
        own = shown(self.row, EPISODE, permit=permit) if whole else {}
        people = [case.person_id for case in self.cases]
        return {
            "episode_id": self.row.episode_id,
            "owner": owner,
            "service_area": service_area,
            **own,
            "person_id": self.row.person_id if self.row.person_id in people else people[0],
            "cluster": self.row.cluster,
            "status": self.row.status,
            "steps": [
                {"lgsl": case.lgsl, "case_id": case.case_id, "depends_on": [], "status": case.status}
                for case in self.cases
            ],
            "cases": [case.case_id for case in self.cases],
            "contacts": [contact.contact_id for contact in self.contacts],
            "referrals": [
                {name: asked._mapping[name] for name in ("referral_id", *REFERRAL.fields)} for asked in self.referrals
            ],
        }


async def get_episode(tx: Transaction, episode_id: UUID, *, permit: Permit) -> VisibleEpisode:
    """Give an episode of which the call may be shown a case; raise `NotFound`."""
    statement = _selected(permit=permit).where(episodes.c.episode_id == episode_id)
    return await _visible(tx, (await tx.execute(statement)).one_or_none(), permit=permit)


async def lock_episode(tx: Transaction, episode_id: UUID, *, permit: Permit) -> VisibleEpisode:
    """Give an episode the call may change, and keep others from changing it; raise `NotFound`."""
    statement = _selected(permit=permit).where(episodes.c.episode_id == episode_id, episodes.c.owner == permit.org)
    return await _visible(tx, (await tx.execute(statement.with_for_update())).one_or_none(), permit=permit)


async def find_episodes(
    tx: Transaction, *, of_cases: Sequence[AnyRow], person_ids: Collection[UUID], permit: Permit
) -> list[VisibleEpisode]:
    """Give the episodes of some persons' cases, the latest first, with those persons' cases and contacts."""
    by_episode: dict[UUID, list[AnyRow]] = defaultdict(list)
    for case in of_cases:
        if is_shown(case, CASE, permit=permit):
            by_episode[case.episode_id].append(case)
    statement = _selected(permit=permit).where(episodes.c.episode_id.in_(by_episode))
    rows = (await tx.execute(statement.order_by(episodes.c.opened_at.desc(), episodes.c.episode_id))).all()
    touched = select(contacts).where(contacts.c.episode_id.in_(by_episode), contacts.c.person_id.in_(person_ids))
    contacts_of: dict[UUID, list[AnyRow]] = defaultdict(list)
    for contact in await tx.execute(touched.order_by(contacts.c.started_at, contacts.c.contact_id)):
        if is_shown(contact, CONTACT, permit=permit):
            contacts_of[contact.episode_id].append(contact)
    asked = select(episode_referrals).where(episode_referrals.c.person_id.in_(person_ids))
    referrals_of = await _referrals(tx, asked.where(episode_referrals.c.episode_id.in_(by_episode)), permit=permit)
    return [
        VisibleEpisode(
            row,
            list(reversed(by_episode[row.episode_id])),
            contacts_of[row.episode_id],
            referrals_of[row.episode_id],
        )
        for row in rows
    ]


def _selected(*, permit: Permit) -> Select[Any]:
    return selected(episodes, permit=permit).add_columns(opener_known(permit=permit))


async def _visible(tx: Transaction, row: AnyRow | None, *, permit: Permit) -> VisibleEpisode:
    if row is None:
        raise NotFound
    of_episode = select(cases).where(cases.c.episode_id == row.episode_id)
    found = [
        case
        for case in await tx.execute(of_episode.order_by(cases.c.opened_at, cases.c.case_id))
        if is_shown(case, CASE, permit=permit)
    ]
    if not found:
        raise NotFound
    touched = select(contacts).where(contacts.c.episode_id == row.episode_id)
    asked = select(episode_referrals).where(episode_referrals.c.episode_id == row.episode_id)
    return VisibleEpisode(
        row,
        found,
        [
            contact
            for contact in await tx.execute(touched.order_by(contacts.c.started_at, contacts.c.contact_id))
            if is_shown(contact, CONTACT, permit=permit)
        ],
        (await _referrals(tx, asked, permit=permit))[row.episode_id],
    )


async def _referrals(tx: Transaction, asked: Select[Any], *, permit: Permit) -> Mapping[UUID, list[AnyRow]]:
    """Give the referrals of episodes that the call may be shown, by episode, in the order they were made."""
    by_episode: dict[UUID, list[AnyRow]] = defaultdict(list)
    for row in await tx.execute(asked.order_by(episode_referrals.c.made_at, episode_referrals.c.referral_id)):
        if is_shown(row, REFERRAL, permit=permit):
            by_episode[row.episode_id].append(row)
    return by_episode
