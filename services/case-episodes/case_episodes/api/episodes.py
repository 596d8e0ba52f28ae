"""Episodes: read, move on, regroup."""

from uuid import UUID

from fastapi import APIRouter, Response

from case_episodes.acting import by_permit
from case_episodes.api.state import MayRead, MayWrite
from case_episodes.commands.episodes import move_episode, regroup
from case_episodes.disclosure import context_of, grouping_context, note
from case_episodes.fields import CASE, CONTACT, REFERRAL
from case_episodes.preconditions import accept_match, etag_of
from case_episodes.problems import IllegalTransition
from case_episodes.queries.cases import lock_cases_of
from case_episodes.queries.episodes import VisibleEpisode, get_episode, lock_episode
from case_episodes.schemas.episodes import EpisodeTransition, EpisodeView, Regrouping
from shared.dependencies import Db
from shared.guard import Disclosed, Now
from shared.openapi import answers
from shared.permit import DISCLOSED_HEADER, Permit
from shared.preconditions import IfMatch
from shared.problems import FieldError, InvalidRequest, NotFound

router = APIRouter(prefix="/v1/episodes", tags=["Cases and episodes"])


@router.get("/{episode_id}")
async def get_one_episode(episode_id: UUID, permit: MayRead, database: Db, response: Response) -> EpisodeView:
    """Give an episode, as far as this call may see its cases."""
    async with database.transaction(context_of(permit)) as tx:
        return _answer(response, await get_episode(tx, episode_id, permit=permit), permit=permit)


@router.post("/{episode_id}/transitions", responses=answers(IllegalTransition))
async def post_episode_transition(
    episode_id: UUID,
    wanted: EpisodeTransition,
    permit: MayWrite,
    at: Now,
    database: Db,
    response: Response,
    if_match: IfMatch = None,
) -> EpisodeView:
    """Move an episode to another status."""
    async with database.transaction(context_of(permit)) as tx:
        before = await lock_episode(tx, episode_id, permit=permit)
        accept_match(if_match, shown=before.item(permit=permit))
        await move_episode(tx, before.row, to=wanted.to, reason=wanted.reason, by=by_permit(permit, at=at))
        return _answer(response, await get_episode(tx, episode_id, permit=permit), permit=permit)


@router.post("/{episode_id}/regroup")
async def post_regroup(
    episode_id: UUID, wanted: Regrouping, permit: MayWrite, at: Now, database: Db, response: Response
) -> EpisodeView:
    """Move cases of an episode into another of the same people, or into a new one; answers with that one."""
    if wanted.into == episode_id:
        raise InvalidRequest("Some fields are not valid.", errors=[FieldError("/into", "is the episode they are in")])
    async with database.transaction(grouping_context(permit)) as tx:
        locked = {
            one: await lock_episode(tx, one, permit=permit) for one in sorted({episode_id, wanted.into or episode_id})
        }
        moved = await lock_cases_of(tx, episode_id, case_ids=wanted.cases, permit=permit)
        if len(moved) != len(set(wanted.cases)):
            raise NotFound
        into = None if wanted.into is None else locked[wanted.into].row
        target = await regroup(tx, moved, source=locked[episode_id].row, into=into, by=by_permit(permit, at=at))
        return _answer(response, await get_episode(tx, target, permit=permit), permit=permit)


def _answer(response: Response, episode: VisibleEpisode, *, permit: Permit) -> EpisodeView:
    account = Disclosed()
    note(account, episode.cases, CASE)
    note(account, episode.contacts, CONTACT)
    note(account, episode.referrals, REFERRAL)
    response.headers[DISCLOSED_HEADER] = account.header()
    item = episode.item(permit=permit)
    response.headers["ETag"] = etag_of(item)
    return EpisodeView.model_validate(item)
