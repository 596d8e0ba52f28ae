"""The demo from its first line to its last."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from single_node.demo.elsewhere import elsewhere
from single_node.demo.help import play_help
from single_node.demo.mistakes import play_mistakes
from single_node.demo.protection import play_protection
from single_node.demo.sovereignty import play_sovereignty
from single_node.demo.stage import Stage, throw_away_node
from single_node.demo.stewardship import play_stewardship
from single_node.demo.story import play_story
from single_node.demo.telling import Surprise, Telling
from single_node.demo.worlds import WORLDS, play_world
from single_node.place import Place


def play() -> None:
    """Play every part, each world on a node of its own; the last line says how many checks held. Raises `Surprise`."""
    with _told() as telling:
        for seed, error_rate in WORLDS:
            telling.chapter(f"World {seed}: how well records become people")
            with throw_away_node(telling) as stage:
                play_world(stage, seed=seed, error_rate=error_rate)
        with throw_away_node(telling) as stage:
            _play_chapters(stage)


def play_on(gateway: str, *, place: Place, databases: str) -> None:
    """Play the story on a platform that runs already and is new. Raises `NotPossible` and `Surprise`."""
    with _told() as telling:
        telling.step(f"on {gateway}; the {len(WORLDS)} worlds that judge matching need a new platform each: left out")
        with elsewhere(telling, gateway=gateway, place=place, databases=databases) as stage:
            _play_chapters(stage)


@contextmanager
def _told() -> Iterator[Telling]:
    telling = Telling()
    started = perf_counter()
    try:
        yield telling
    except (KeyError, IndexError, TypeError) as error:
        raise Surprise(f"the last answer has not the shape it should have ({type(error).__name__})") from None
    telling.lines(f"\nplayed in {perf_counter() - started:.0f} seconds")
    telling.lines(f"demo: {telling.checks} checks passed")


def _play_chapters(stage: Stage) -> None:
    stage.telling.chapter("A small world for the story")
    play_story(stage)
    play_mistakes(stage)
    play_help(stage)
    play_protection(stage)
    play_sovereignty(stage)
    play_stewardship(stage)
