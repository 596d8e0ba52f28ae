"""What a new platform is told of its operator."""

from typing import Annotated

from pydantic import Field

from gateway.schemas.organisations import NewIdentityProvider, Subject
from shared.wire import Name, Slug, Wire


class FoundingProvider(NewIdentityProvider):
    """The operator's identity provider, with the name under which it is registered."""

    name: Slug

    def registration(self) -> NewIdentityProvider:
        """Give what is registered under the name."""
        return NewIdentityProvider.model_validate(self.model_dump(exclude={"name"}))


class Founding(Wire):
    """The operator, who vouches for its workers, and which of them enter everything else."""

    org: Slug
    name: Name
    identity_provider: FoundingProvider
    administrators: Annotated[list[Subject], Field(min_length=1, max_length=20)]
