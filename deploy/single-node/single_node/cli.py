"""The `scv` command: run a node, get tokens for it, load extracts into it, play the demo.

In this room: arguments, what is printed, exit codes. Not in this room: how failures are told (`terminal`), and the
`scv audit`, `scv keys` and `scv backup` commands (`auditing`, `keys`, `backup`).
"""

import asyncio
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.progress import Progress, TaskID

from shared.categories import Purpose, Role
from single_node import auditing, keys, loading
from single_node.backup import telling as backing_up
from single_node.guide import LOADED, load_step, search_step, welcome
from single_node.place import Announcement, Place, default_place
from single_node.population import generate, write_extracts
from single_node.postgres import Durability
from single_node.staff import LocalNode, NotPossible, local_node
from single_node.terminal import console, failures_told, progress_bar

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.add_typer(auditing.app, name="audit")
app.add_typer(keys.app, name="keys")
app.add_typer(backing_up.app)

_SEED = 1
_REJECTS_SHOWN = 5
_DEFAULT_URL = "http://127.0.0.1:8080"
_COMPOSED = Path(".compose")


@app.command()
def run(
    port: Annotated[int, typer.Option(help="Port on this machine; 0 takes any free one.", min=0, max=65535)] = 8080,
    demo: Annotated[bool, typer.Option("--demo", help="Load the demo population, once.")] = False,
    durability: Annotated[Durability, typer.Option(help="What a power cut may cost.")] = Durability.KEPT,
) -> None:
    """Run the whole platform on this machine; its data stay in .scv, or in the directory SCV_DATA names."""
    from single_node import node  # imports every service, which no other command has to wait for

    place = default_place()
    extracts = place.root / "extracts"

    async def ready(announcement: Announcement) -> None:
        if demo:
            await asyncio.to_thread(_load_population, LocalNode(place, announcement.url), extracts)
        print(welcome(announcement, place, extracts=extracts), flush=True)

    with failures_told():
        node.run(place, port=port, durability=durability, ready=ready)
        print("Stopped.")


@app.command()
def token(
    org: Annotated[str, typer.Option(help="Organisation, such as lbhf.")],
    subject: Annotated[str, typer.Option(help="Worker or system, such as alice.")],
    role: Annotated[list[Role], typer.Option(help="Repeat for several.")],
) -> None:
    """Print a token for a subject of the running node; an unknown one is entered in the staff register."""
    with failures_told():
        node = local_node(default_place())
        roles = list(dict.fromkeys(role))
        registered = node.register(org, subject=subject, roles=roles)
        missing = [name for name in roles if name not in registered]
        if missing:
            console.print(
                f"Warning: the staff register of {org} does not allow {subject} the role {', '.join(missing)};"
                " the token claims it in vain until an admin enters it."
            )
        print(node.signed(org, subject=subject, roles=roles))


@app.command()
def load(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="NDJSON or CSV.")],
    org: Annotated[str, typer.Option(help="The borough whose extract it is.")],
    source: Annotated[str, typer.Option(help="The source system that wrote it, such as crm.")],
    purpose: Annotated[Purpose, typer.Option(help="Why it is loaded.")] = Purpose.DATA_STEWARDSHIP,
) -> None:
    """Load an extract into the running node and follow it until every line is in or rejected."""
    with failures_told():
        _load_file(local_node(default_place()), file, org=org, source=source, purpose=purpose)


@app.command()
def extracts(
    directory: Annotated[Path, typer.Argument(help="Where to write them.")],
    seed: Annotated[int, typer.Option(help="Another seed, other residents.")] = _SEED,
    residents: Annotated[int, typer.Option(min=10, max=1_000_000)] = 3000,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV instead of NDJSON.")] = False,
) -> None:
    """Write extracts of synthetic residents of three boroughs, a file for each source system."""
    suffix = ".csv" if as_csv else ".ndjson"
    paths = write_extracts(generate(seed, residents=residents), directory, suffix=suffix)
    print(f"{len(paths)} files in {directory}, such as {paths[0].name}. With a node running (make run):\n")
    found = default_place().announcement()
    print(load_step(directory), search_step(directory, url=found.url if found else _DEFAULT_URL), sep="\n")


@app.command()
def demo(
    gateway: Annotated[str | None, typer.Option(help="Play on a new platform that runs elsewhere: its URL.")] = None,
    keys_in: Annotated[Path, typer.Option("--keys", help="Directory whose secrets/ is that platform's.")] = _COMPOSED,
    databases: Annotated[str, typer.Option(help="host:port of that platform's PostgreSQL.")] = "127.0.0.1:55432",
) -> None:
    """Play the whole story on throw-away data and check every answer."""
    from single_node.demo.play import play, play_on

    # Terminated like interrupted: the node behind the demo and its data go with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with failures_told():
        if gateway is None:
            play()
        else:
            play_on(gateway, place=Place(keys_in.absolute()), databases=databases)


@app.command()
def doctor(
    at: Annotated[list[str] | None, typer.Option(metavar="URL", help="Where a process answers; repeat.")] = None,
    compose: Annotated[bool, typer.Option("--compose", help="The composed platform of this directory.")] = False,
    kubernetes: Annotated[str | None, typer.Option(metavar="NAMESPACE", help="The pods that kubectl sees.")] = None,
    database: Annotated[
        list[str] | None, typer.Option(metavar="URL", help="A service's database as its worker role; repeat.")
    ] = None,
) -> None:
    """Say what is wrong and how to mend it: with a node here, or with the installation that options name."""
    from single_node.doctor import State, examine
    from single_node.doctor.telling import tell

    with failures_told():
        if at or compose or kubernetes or database:
            from single_node.doctor import inquiry
            from single_node.doctor.installation import Installation, examine_installation

            entered = inquiry.compose() if compose else inquiry.kubernetes(kubernetes) if kubernetes else None
            named = Installation(addresses=at or (), containers=entered, databases=database or ())
            findings = examine_installation(named)
        else:
            findings = examine(default_place())
        if State.WRONG in asyncio.run(tell(findings)):
            raise typer.Exit(1)


def _load_population(node: LocalNode, directory: Path) -> None:
    done = directory / LOADED
    if done.exists():
        return
    for path in write_extracts(generate(_SEED), directory):
        org, _, source = path.stem.partition("-")
        _load_file(node, path, org=org, source=source, purpose=Purpose.DATA_STEWARDSHIP)
    done.touch()


def _load_file(node: LocalNode, path: Path, *, org: str, source: str, purpose: Purpose) -> None:
    """Send an extract as the source system, show how far it is, and tell what became of it. Raises `NotPossible`."""
    content_type = loading.SUFFIXES.get(path.suffix.lower())
    if content_type is None:
        raise NotPossible(f"{path.name} is neither NDJSON nor CSV; its name must end in {', '.join(loading.SUFFIXES)}.")
    headers = {"Authorization": f"Bearer {node.token(org, subject=source, roles=(Role.SYSTEM,))}"}
    with httpx.Client(base_url=node.url, headers=headers, timeout=60) as http, progress_bar() as bar:
        sending = bar.add_task(f"{org}/{source} sent", total=path.stat().st_size)
        content = _chunks(path, bar, sending)
        load_id = loading.send(http, source=source, content=content, content_type=content_type, purpose=purpose)
        working = bar.add_task(f"{org}/{source} loaded", total=None)
        for progress in loading.follow(http, load_id, purpose=purpose):
            bar.update(working, completed=progress.handled, total=progress.received or None)
        refused = loading.rejects(http, load_id, purpose=purpose, limit=_REJECTS_SHOWN) if progress.rejected else []
    counts = ", ".join(f"{getattr(progress, name)} {name}" for name in _COUNTS)
    console.print(f"{org}/{source}: {progress.received} received: {counts}")
    for reject in refused:
        console.print(f"  line {reject.line} rejected: {'; '.join(reject.reasons)}", markup=False)
    if progress.rejected > len(refused):
        console.print(f"  … and more: GET /v1/loads/{load_id}/rejects lists them all")
    if progress.status != "done":
        raise NotPossible(f"The load {load_id} failed. The node's log says why; sending the file again is safe.")


_COUNTS = ("created", "linked", "review", "updated", "unchanged", "rejected")


def _chunks(path: Path, bar: Progress, task: TaskID) -> Iterator[bytes]:
    with path.open("rb") as source:
        while chunk := source.read(64 * 1024):
            yield chunk
            bar.advance(task, len(chunk))
