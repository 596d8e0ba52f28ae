"""Writes which images an overlay runs, by digest, and under which release.

    python3 deploy/release.py OVERLAY --release 1.4.0 --images registry.example.org/scv DIGESTS

`DIGESTS` is a folder with a file for each image (`gateway`, `customer-index`, `case-episodes`, `referrals`, `valkey`)
that holds what the registry answered when the image was pushed: `sha256:` and 64 hexadecimal digits. Writes
`deploy/overlays/OVERLAY/release/`. Not in this room: building and pushing (docs/runbooks/install.md).
"""

import argparse
import re
import sys
from pathlib import Path

IMAGES = ("customer-index", "case-episodes", "gateway", "referrals", "valkey")
OVERLAYS = Path(__file__).parent / "overlays"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_RELEASE = re.compile(r"[0-9a-z]+([.-][0-9a-z]+)*")
_NOTE = "# Written by deploy/release.py; do not edit.\n"


def release_named(text: str) -> str:
    """Give a release as it stands in the names of Jobs; raise `ValueError` if it cannot."""
    if not _RELEASE.fullmatch(text) or len(text) > 20:
        raise ValueError(f"{text!r} is no release: small letters and digits, joined by dots or hyphens, 20 at most")
    return text.replace(".", "-")


def digests_in(folder: Path) -> dict[str, str]:
    """Read the digest of each image; raise `ValueError` for a file that holds none."""
    found = {name: (folder / name).read_text(encoding="ascii").strip() for name in IMAGES}
    for name, digest in found.items():
        if not _DIGEST.fullmatch(digest) or len(set(digest[7:])) < 8:
            raise ValueError(f"{folder / name} holds no digest of an image")
    return found


def kustomization(digests: dict[str, str], *, images: str) -> str:
    """Write the component that puts digests for images and the release in its places."""
    lines = [_NOTE, "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"]
    lines += ["resources: [release.yaml]\ncomponents: [../../../components/release]\nimages:\n"]
    for name, digest in digests.items():
        lines.append(f"  - name: scv/{name}\n    newName: {images.rstrip('/')}/{name}\n    digest: {digest}\n")
    return "".join(lines)


def config_map(release: str) -> str:
    """Write the ConfigMap that says in the cluster which release is meant to run."""
    return f'{_NOTE}apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: release\ndata:\n  release: "{release}"\n'


def main(arguments: list[str]) -> None:
    """Do as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("overlay", choices=["partnership", "production"])
    parser.add_argument("--release", required=True, type=release_named)
    parser.add_argument("--images", required=True, help="where the images are, without their names")
    parser.add_argument("digests", type=Path)
    told = parser.parse_args(arguments)
    try:
        written = kustomization(digests_in(told.digests), images=told.images)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    folder = OVERLAYS / told.overlay / "release"
    folder.mkdir(exist_ok=True)
    (folder / "kustomization.yaml").write_text(written, encoding="utf-8")
    (folder / "release.yaml").write_text(config_map(told.release), encoding="utf-8")
    sys.stdout.write(f"{folder}: release {told.release}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
