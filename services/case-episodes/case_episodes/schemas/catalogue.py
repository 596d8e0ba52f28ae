"""The wire of the catalogue."""

from case_episodes.catalogue import Cluster, Speed
from shared.categories import DataClass
from shared.wire import Wire


class ServiceView(Wire):
    """A service of the catalogue."""

    lgsl: int
    name: str
    service_area: str
    cluster: Cluster
    speed: Speed
    sensitivity: DataClass


class InteractionView(Wire):
    """A kind of interaction."""

    lgil: int
    name: str


class CatalogueView(Wire):
    """The services and the kinds of interaction, whole."""

    items: list[ServiceView]
    next: None
    interactions: list[InteractionView]
