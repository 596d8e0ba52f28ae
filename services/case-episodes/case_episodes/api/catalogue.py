"""The catalogue of services; it holds no personal data."""

from dataclasses import asdict

from fastapi import APIRouter

from case_episodes.api.state import MayRead, Services
from case_episodes.catalogue import INTERACTIONS
from case_episodes.schemas.catalogue import CatalogueView, InteractionView, ServiceView

router = APIRouter(prefix="/v1", tags=["Cases and episodes"])


@router.get("/catalogue")
async def get_catalogue(_: MayRead, catalogue: Services) -> CatalogueView:
    """List the services and the kinds of interaction."""
    return CatalogueView(
        items=[ServiceView(**asdict(service)) for service in catalogue.services.values()],
        next=None,
        interactions=[InteractionView(lgil=lgil, name=name) for lgil, name in INTERACTIONS.items()],
    )
