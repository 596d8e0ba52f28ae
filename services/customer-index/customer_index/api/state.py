"""What the routes find on the application; async, because FastAPI runs plain functions in threads."""

from typing import Annotated

from fastapi import Depends, Request

from customer_index.model import Model
from customer_index.settings import Settings
from shared.db import Database
from shared.paging import Cursors


async def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


async def _model(request: Request) -> Model:
    model: Model = request.app.state.model
    return model


async def _cursors(request: Request) -> Cursors:
    cursors: Cursors = request.app.state.cursors
    return cursors


async def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


Db = Annotated[Database, Depends(_database)]
MatchingModel = Annotated[Model, Depends(_model)]
PageCursors = Annotated[Cursors, Depends(_cursors)]
ServiceConfig = Annotated[Settings, Depends(_settings)]
