"""What goes into an image, from the workspace's lock.

`locked.py tools` prints the pinned and hashed build tools; `locked.py wanted DIRECTORY…` the libraries that these
packages ask for, to be pinned and hashed by the lock as a constraint.
"""

import re
import sys
import tomllib
from pathlib import Path

LOCK = Path("requirements.lock")
TOOLS = ("pip", "hatchling", "packaging", "pathspec", "pluggy", "trove-classifiers")
OWN = "scv-"


def tools() -> list[str]:
    """Give the lock's entries of the tools that build an image and are not in it."""
    entries = re.split(r"\n(?=\S)", LOCK.read_text(encoding="utf-8").strip())
    return [entry for entry in entries if entry.partition("==")[0] in TOOLS]


def wanted(packages: list[str]) -> list[str]:
    """Give the libraries some packages of this workspace name, without the workspace's own."""
    projects = [tomllib.loads(Path(one, "pyproject.toml").read_text(encoding="utf-8"))["project"] for one in packages]
    return [name for project in projects for name in project["dependencies"] if not name.startswith(OWN)]


if __name__ == "__main__":
    sys.stdout.write("\n".join(tools() if sys.argv[1] == "tools" else wanted(sys.argv[2:])) + "\n")
