"""A bill of materials (CycloneDX 1.6, JSON) of each image: what is in it, not what was asked for.

    sbom.py ENGINE DIRECTORY VERSION SERVICE…      writes DIRECTORY/SERVICE.json of scv/SERVICE:VERSION

Of an image of ours: the Python packages of its environment and the packages of the base image's system, where that is
Debian's. Of Kafka's: its jars. Not in this room: signatures, and whether anything in it is known to be vulnerable.
"""

import json
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

_KAFKA: Final = "kafka"
_SYSTEM: Final = "/var/lib/dpkg/status"


def debian_packages(status: str) -> Iterator[dict[str, Any]]:
    """Give the installed packages that Debian's status file names."""
    for entry in status.split("\n\n"):
        told = dict(re.findall(r"^(Package|Version|Architecture|Status): (.+)$", entry, re.MULTILINE))
        if told.get("Status", "").endswith(" installed"):
            name, version = told["Package"], told["Version"]
            yield _library(name, version, f"pkg:deb/debian/{name}@{version}?arch={told['Architecture']}")


def jar(path: Path) -> dict[str, Any]:
    """Give a jar as the coordinates inside it name it, or, where it holds none or several, as its file is called."""
    with zipfile.ZipFile(path) as content:
        inside = [name for name in content.namelist() if re.fullmatch(r"META-INF/maven/.+/pom\.properties", name)]
        properties = content.read(inside[0]).decode() if len(inside) == 1 else ""
    told = dict(re.findall(r"^(groupId|artifactId|version)=(\S+)$", properties, re.MULTILINE))
    if len(told) == 3:
        name, version = told["artifactId"], told["version"]
        return _library(name, version, f"pkg:maven/{told['groupId']}/{name}@{version}")
    name, version = re.fullmatch(r"(.+?)-(\d.*)", path.stem).groups()  # type: ignore[union-attr]  # jars end in versions
    return _library(name, version, f"pkg:generic/{name}@{version}")


def _library(name: str, version: str, purl: str) -> dict[str, Any]:
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


def python_environment(libraries: Path, *, project: Path) -> dict[str, Any]:
    """Describe the packages of an environment that was copied out of an image, `project` at their root."""
    packages = next(libraries.glob("lib/python3*/site-packages"))
    # It asks an interpreter for its path; that of the image may not run here.
    interpreter = libraries / "python"
    interpreter.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps([str(packages)])}\nEND\n", "utf-8")
    interpreter.chmod(0o755)
    options = ["--sv", "1.6", "--of", "JSON", "--output-reproducible", "--pyproject", str(project), "-o", "-"]
    command = [str(Path(sys.executable).with_name("cyclonedx-py")), "environment", *options, str(interpreter)]
    return dict(json.loads(_told(*command)))


def write(engine: str, directory: Path, service: str, *, version: str) -> int:
    """Write the bill of a service's image, checked against its schema; give how many components it names."""
    with tempfile.TemporaryDirectory() as scratch:
        copied = Path(scratch)
        container = _told(engine, "create", f"scv/{service}:{version}").strip()
        try:
            inside = "/opt/kafka/jars" if service == _KAFKA else "/app/lib"
            for path in (inside, _SYSTEM):
                subprocess.run([engine, "cp", f"{container}:{path}", str(copied)], check=False, capture_output=True)  # noqa: S603  the engine the operator named
        finally:
            _told(engine, "rm", "--volumes", container)
        if service == _KAFKA:
            bill = _bill_of_jars(copied / "jars")
        else:
            bill = python_environment(copied, project=Path("services", service, "pyproject.toml"))
        status = copied / "status"
        if status.exists():
            bill["components"] += debian_packages(status.read_text("utf-8"))
    text = json.dumps(bill, indent=1, ensure_ascii=False)
    if wrong := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise ValueError(f"the bill of {service} is not valid: {wrong}")
    directory.mkdir(parents=True, exist_ok=True)
    (directory / f"{service}.json").write_text(text, "utf-8")
    return len(bill["components"])


def _bill_of_jars(jars: Path) -> dict[str, Any]:
    image = {"type": "container", "bom-ref": "scv/kafka", "name": "scv/kafka"}
    components = [jar(path) for path in sorted(jars.glob("*.jar"))]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": image},
        "components": components,
    }


def _told(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603  programs we name


if __name__ == "__main__":
    for one in sys.argv[4:]:
        count = write(sys.argv[1], Path(sys.argv[2]), one, version=sys.argv[3])
        sys.stdout.write(f"{Path(sys.argv[2], one)}.json: {count} components\n")
