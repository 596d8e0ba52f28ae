"""Files in deploy/ that programs write: they are what the programs would write now, and nothing made up goes in."""

from pathlib import Path

import pytest

from deploy import alerts, release

DIGEST = "sha256:0e633faa8f14217260226f4a58286aebd9427d11cd1253ea771a38a616de4f8d"


@pytest.fixture
def digests(tmp_path: Path) -> Path:
    for name in release.IMAGES:
        (tmp_path / name).write_text(f"{DIGEST}\n")
    return tmp_path


def test_alerts_are_those_of_the_rules() -> None:
    assert alerts.ALERTS.read_text("utf-8") == alerts.written(), "run python3 deploy/alerts.py"


def test_every_image_is_named_by_the_digest_that_the_registry_gave(digests: Path) -> None:
    written = release.kustomization(release.digests_in(digests), images="registry.example.org/scv/")

    assert written.count(DIGEST) == len(release.IMAGES)
    assert "newName: registry.example.org/scv/gateway\n" in written


@pytest.mark.parametrize("wrong", ["", "latest", "sha256:" + "0" * 64, DIGEST[:-1]])
def test_what_is_no_digest_is_refused(digests: Path, wrong: str) -> None:
    (digests / "gateway").write_text(wrong)

    with pytest.raises(ValueError, match="no digest"):
        release.digests_in(digests)


def test_a_release_is_named_as_a_job_may_be() -> None:
    assert release.release_named("1.4.0") == "1-4-0"
    for wrong in ("", "1.4.0/x", "V1", "-1", "1" * 21):
        with pytest.raises(ValueError, match="no release"):
            release.release_named(wrong)
