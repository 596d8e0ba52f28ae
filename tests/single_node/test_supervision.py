"""Background work on a node: what crashes is started again, and what keeps crashing brings the node down."""

import pytest

from single_node.supervision import BackgroundWorkFailed, supervised


class Moody:
    """Work that crashes so many times and then is stopped from outside."""

    def __init__(self, crashes: int) -> None:
        self.runs = 0
        self._crashes = crashes

    async def __call__(self) -> None:
        self.runs += 1
        if self.runs <= self._crashes:
            raise ValueError("not today")
        raise Stopped


class Stopped(BaseException):
    """The end of a test."""


async def test_work_that_crashes_is_started_again() -> None:
    work = Moody(crashes=4)
    with pytest.raises(Stopped):
        await supervised("moody", work, pause_seconds=0)
    assert work.runs == 5


async def test_work_that_keeps_crashing_ends_the_supervision() -> None:
    work = Moody(crashes=1000)
    with pytest.raises(BackgroundWorkFailed, match="moody"):
        await supervised("moody", work, pause_seconds=0)
    assert work.runs == 5


async def test_work_that_just_ends_counts_as_crashed() -> None:
    async def over() -> None:
        return None

    with pytest.raises(BackgroundWorkFailed):
        await supervised("over", over, pause_seconds=0)


async def test_a_crash_is_logged_without_its_message(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BackgroundWorkFailed):
        await supervised("moody", Moody(crashes=1000), pause_seconds=0)
    told = capsys.readouterr()
    assert "moody" in told.out + told.err
