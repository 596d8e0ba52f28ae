"""The order of an examination, and what can be looked at when."""

import os
from collections.abc import AsyncIterator

from single_node.doctor.environment import look_at_packages, look_at_python
from single_node.doctor.finding import Finding, unchecked
from single_node.doctor.ground import (
    look_at_cluster,
    look_at_directory,
    look_at_lock,
    look_at_programs,
    look_at_secrets,
)
from single_node.place import Place


async def examine(place: Place) -> AsyncIterator[Finding]:
    """Look at everything, the ground before what stands on it; without a running node at what can be seen."""
    yield look_at_python()
    for finding in look_at_packages():
        yield finding
    for finding in look_at_directory(place):
        yield finding
    if place.root.exists() and not os.access(place.root, os.R_OK | os.X_OK):
        yield unchecked("node", f"{place.root} cannot be entered", remedy="run as the user who runs the node")
        return
    lock = look_at_lock(place)
    yield lock
    for finding in look_at_secrets(place):
        yield finding
    yield look_at_programs()
    yield look_at_cluster(place)
    async for finding in _look_at_node(place, is_running=not lock.remedy):
        yield finding


async def _look_at_node(place: Place, *, is_running: bool) -> AsyncIterator[Finding]:
    announcement = place.announcement()
    if announcement is None or not is_running:
        for name in ("gateway", "PostgreSQL", "schemas and background work"):
            yield unchecked(name, "no node is running here", remedy="make run    starts one")
        return
    try:
        from single_node.doctor import service  # needs the packages of every service, which may be what is broken
    except ImportError as error:
        yield unchecked("node", f"{error.name} cannot be imported", remedy="make setup")
        return
    async for finding in service.look_at_gateway(announcement.url):
        yield finding
    server = await service.look_at_server(place, announcement)
    yield server
    if server.remedy:
        yield unchecked("schemas and background work", "the database does not answer", remedy="mend PostgreSQL first")
        return
    async for finding in service.look_at_services(announcement):
        yield finding
