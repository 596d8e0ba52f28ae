"""What the routes find on the application."""

from typing import Annotated

from fastapi import Depends, Request
from shared.db import Database
from shared.paging import Cursors

from customer_index.model import Model
from customer_index.settings import Settings


def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


def _model(request: Request) -> Model:
    model: Model = request.app.state.model
    return model


def _cursors(request: Request) -> Cursors:
    cursors: Cursors = request.app.state.cursors
    return cursors


def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


Db = Annotated[Database, Depends(_database)]
MatchingModel = Annotated[Model, Depends(_model)]
PageCursors = Annotated[Cursors, Depends(_cursors)]
ServiceConfig = Annotated[Settings, Depends(_settings)]
