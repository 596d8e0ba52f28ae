"""What only this service's routes find on the application, and the permits they ask for; async, because FastAPI runs
plain functions in threads."""

from typing import Annotated

from fastapi import Depends, Request

from case_episodes.catalogue import Catalogue
from case_episodes.settings import Settings
from shared.categories import Action
from shared.guard import permitted
from shared.permit import Permit


async def _catalogue(request: Request) -> Catalogue:
    catalogue: Catalogue = request.app.state.catalogue
    return catalogue


async def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


Services = Annotated[Catalogue, Depends(_catalogue)]
ServiceConfig = Annotated[Settings, Depends(_settings)]

MayRead = Annotated[Permit, Depends(permitted(Action.READ))]
MayWrite = Annotated[Permit, Depends(permitted(Action.WRITE))]
