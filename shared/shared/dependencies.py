"""What the routes of every inner service find on the application; async, because FastAPI runs plain functions in
threads."""

from typing import Annotated

from fastapi import Depends, Request

from shared.db import Database
from shared.paging import Cursors


async def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


async def _cursors(request: Request) -> Cursors:
    cursors: Cursors = request.app.state.cursors
    return cursors


Db = Annotated[Database, Depends(_database)]
PageCursors = Annotated[Cursors, Depends(_cursors)]
