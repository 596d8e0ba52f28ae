"""What a new node is told first: its operator, and through the API all other organisations.

The operator is founded; everything else it enters through the gateway's API like any operator would, so it stands in
the audit.
"""

import httpx
from fastapi import FastAPI

from gateway.commands.founding import found
from gateway.schemas.founding import Founding
from single_node import organisations
from single_node.place import Place


async def tell(app: FastAPI, place: Place) -> None:
    """Tell a gateway that serves already, whatever of it is new; raise `RuntimeError` if it refuses."""
    await found(app.state.database, Founding.model_validate(organisations.founding(place)))
    headers = {"Authorization": f"Bearer {organisations.operator_token(place)}"}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway", headers=headers) as operator:
        await organisations.enter(operator, place)
