"""What only this service's routes find on the application; async, because FastAPI runs plain functions in threads."""

from typing import Annotated

from fastapi import Depends, Request

from customer_index.model import Model
from customer_index.settings import Settings


async def _model(request: Request) -> Model:
    model: Model = request.app.state.model
    return model


async def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


MatchingModel = Annotated[Model, Depends(_model)]
ServiceConfig = Annotated[Settings, Depends(_settings)]
