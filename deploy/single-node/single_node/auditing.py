"""The `scv audit` commands: keep signed checkpoints of the audit, export its log, and verify offline that it is whole.

In this room: calls to a gateway as an organisation's information-governance lead, the files that are kept, and what is
printed. The gateway is the running node's, or the one that `SCV_GATEWAY` names, with the bearer token in `SCV_TOKEN`:
a token on a command line could be read by others. What makes a log whole is in the gateway's `inspection`, which asks
nobody.

    DIR/keys.json            the public keys of checkpoints: those first fetched, and whatever these vouched for since
    DIR/checkpoints.ndjson   every checkpoint ever fetched
    FILE                     the checkpoint of the export, then every leaf, a line each
"""

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import httpx
import typer
from pydantic import ValidationError

from gateway.checkpoint import Checkpoint, is_genuine
from gateway.inspection import Inspection, LoggedLeaf, inspect
from gateway.merkle import is_continued
from gateway.schemas.audit_log import CheckpointView, ConsistencyView, LeafView
from gateway.succession import Jwk, Keys, fingerprint, succeeding
from shared.categories import Role
from single_node.place import default_place
from single_node.staff import NotPossible, explained, local_node
from single_node.terminal import failures_told, progress_bar

app = typer.Typer(no_args_is_help=True, help="Keep checkpoints of the audit, export its log, verify it offline.")

_OVERSEER: Final = "scv-local-ig-lead"
_PAGE: Final = 1000
_NEWEST: Final = 200

Org = Annotated[str, typer.Option(help="Whose information-governance lead asks, such as lbhf.")]


@app.command()
def checkpoint(
    directory: Annotated[Path, typer.Argument(metavar="DIR", file_okay=False, help="Where they are kept.")],
    org: Org,
    trust: Annotated[
        list[str] | None, typer.Option(metavar="FINGERPRINT", help="Trust this key too, which somebody vouched for.")
    ] = None,
) -> None:
    """Fetch the newest checkpoints of the gateway, and keep them with those fetched before."""
    with failures_told(), _asking(org) as http:
        directory.mkdir(parents=True, exist_ok=True)
        offered = _got(http, "/v1/audit/keys")["keys"]
        keys = _keep_keys(directory, offered, trust=trust or ())
        kept = _kept_checkpoints(directory)
        newest = max(kept, key=lambda one: one.tree_size, default=None)
        after = 0 if newest is None else newest.tree_size - 1
        page = _got(http, f"/v1/audit/checkpoints?after={after}&limit={_NEWEST}")
        fetched = [CheckpointView.model_validate(item).checkpoint() for item in page["items"]]
        new = [one for one in reversed(fetched) if one not in kept]
        with (directory / "checkpoints.ndjson").open("a") as sink:
            sink.writelines(f"{CheckpointView.of(one).model_dump_json()}\n" for one in new)
        print(f"{len(new)} new checkpoints, {len(kept) + len(new)} kept in {directory}.")
        for key in offered:
            if key["kid"] not in keys:
                raise NotPossible(
                    f"No key that was trusted before vouches for the key {key['kid']}. What it signed is kept as"
                    " evidence. Have the operator read out the fingerprint of the new key over another line; if it is"
                    f" the same: scv audit checkpoint {directory} --org {org} --trust {fingerprint(key)}"
                )
        if not all(is_genuine(one, keys=keys) for one in fetched):
            raise NotPossible("A checkpoint is not signed by the key it names. It is kept as evidence.")
        if newest is not None and not _continues(http, newest, fetched):
            raise NotPossible(
                f"The node's log does not continue the one of {newest.tree_size} leaves that was kept before:"
                " it was changed since. What it says now is kept as evidence; export it and run scv audit verify."
            )


@app.command()
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", dir_okay=False, help="NDJSON, written anew.")], org: Org
) -> None:
    """Export the log of the gateway: every leaf, and of its rows what the organisation may read."""
    with failures_told(), _asking(org) as http, progress_bar() as bar:
        newest = next(iter(_got(http, "/v1/audit/checkpoints?limit=1")["items"]), None)
        if newest is None:
            raise NotPossible("Nothing is sealed yet. What waits is sealed about every second: try again.")
        size = newest["tree_size"]
        exporting = bar.add_task("leaves exported", total=size)
        unfinished = file.with_name(f"{file.name}.unfinished")
        with unfinished.open("w") as sink:
            sink.write(f"{json.dumps({'checkpoint': newest})}\n")
            for start in range(0, size, _PAGE):
                limit = min(_PAGE, size - start)
                page = _got(http, f"/v1/audit/leaves?from={start}&limit={limit}")["items"]
                sink.writelines(f"{json.dumps(item)}\n" for item in page)
                bar.advance(exporting, len(page))
        unfinished.rename(file)
    print(f"{size} leaves in {file}.")


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="An export.")],
    checkpoints: Annotated[Path, typer.Option(metavar="DIR", exists=True, file_okay=False, help="Kept checkpoints.")],
) -> None:
    """Verify an exported log against kept checkpoints, offline; exit code 1 if anything is wrong with it."""
    with failures_told():
        inspection = _inspected(file, checkpoints)
        for line in _told(inspection):
            print(line)
        if not inspection.whole:
            raise typer.Exit(1)


def _inspected(file: Path, directory: Path) -> Inspection:
    keys, kept = _kept_keys(directory), _kept_checkpoints(directory)
    if not kept:
        raise NotPossible(f"No checkpoints are kept in {directory}: scv audit checkpoint {directory} fetches some.")
    with file.open() as source:
        own = _read_checkpoint(file, source.readline())
        return inspect(_leaves(file, source), [*kept, *([] if own in kept else [own])], keys=keys)


def _told(inspection: Inspection) -> Iterator[str]:
    unopened = inspection.leaves - inspection.opened - inspection.without_body
    counted = (
        f"{inspection.leaves} leaves ({inspection.opened} opened, {unopened} of others,"
        f" {inspection.without_body} without their body), {inspection.checkpoints} checkpoints"
    )
    if inspection.whole:
        yield f"{counted}: whole."
    else:
        yield f"{counted}: NOT whole."
        yield from (f"  {finding.fault}: {finding.where}" for finding in inspection.findings)
    newer = inspection.leaves - inspection.vouched_for
    if newer:
        yield f"  Of the last {newer} leaves no genuine checkpoint says anything."


def _continues(http: httpx.Client, earlier: Checkpoint, fetched: Sequence[Checkpoint]) -> bool:
    """Tell whether the newest checkpoint fetched is of a log that continues an earlier one."""
    if not fetched or fetched[0].tree_size < earlier.tree_size:
        return False
    later = fetched[0]
    answered = _got(http, f"/v1/audit/consistency?from={earlier.tree_size}&to={later.tree_size}")
    return is_continued(
        earlier.tree_size,
        later.tree_size,
        first_root=earlier.root_hash,
        second_root=later.root_hash,
        path=ConsistencyView.model_validate(answered).path,
    )


def _keep_keys(directory: Path, offered: Sequence[Jwk], *, trust: Sequence[str]) -> Keys:
    """Keep the keys offered that are trusted: the first ever fetched, their successors, and those named by hand."""
    before = _kept_keys(directory)
    for key in offered:
        if fingerprint(before.get(key["kid"], key)) != fingerprint(key):
            raise NotPossible(f"The node names another key {key['kid']} than the one kept in {directory}.")
    named = {key["kid"]: key for key in offered if not before or fingerprint(key) in trust}
    kept = succeeding({**before, **named}, offered)
    (directory / "keys.json").write_text(json.dumps({"keys": list(kept.values())}))
    return kept


def _kept_keys(directory: Path) -> Keys:
    path = directory / "keys.json"
    return {key["kid"]: key for key in json.loads(path.read_text())["keys"]} if path.exists() else {}


def _kept_checkpoints(directory: Path) -> list[Checkpoint]:
    path = directory / "checkpoints.ndjson"
    if not path.exists():
        return []
    try:
        return [CheckpointView.model_validate_json(line).checkpoint() for line in path.read_text().splitlines()]
    except ValidationError:
        raise NotPossible(f"{path} does not hold checkpoints as they were kept.") from None


def _read_checkpoint(file: Path, line: str) -> Checkpoint:
    try:
        return CheckpointView.model_validate(json.loads(line)["checkpoint"]).checkpoint()
    except (ValueError, KeyError, TypeError):
        raise NotPossible(f"{file} does not begin with a checkpoint, as an export does.") from None


def _leaves(file: Path, lines: Iterator[str]) -> Iterator[LoggedLeaf]:
    for number, line in enumerate(lines, start=2):
        try:
            yield LeafView.model_validate_json(line).leaf()
        except ValidationError:
            raise NotPossible(f"Line {number} of {file} is no leaf.") from None


def _asking(org: str) -> httpx.Client:
    """Call as an organisation's information-governance lead: whoever the token in the environment says, if any."""
    url, token = os.environ.get("SCV_GATEWAY"), os.environ.get("SCV_TOKEN")
    if url is None:
        node = local_node(default_place())
        url, token = node.url, node.token(org, subject=_OVERSEER, roles=(Role.IG_LEAD,))
    elif not token:
        raise NotPossible("SCV_GATEWAY names a gateway, but there is no token for it in SCV_TOKEN.")
    return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=60)


def _got(http: httpx.Client, path: str) -> dict[str, Any]:
    answer = http.get(path)
    if answer.is_error:
        raise NotPossible(f"The gateway answered {answer.status_code}: {explained(answer)}")
    body: dict[str, Any] = answer.json()
    return body
