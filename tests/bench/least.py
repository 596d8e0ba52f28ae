"""The least that could stand in the product's place, for it to be measured against: `python -m tests.bench.least …`.

    rows    a route that inserts one row, in the transaction that every service has
    empty   a route that answers nothing
    calls   a route that makes the calls that a single view takes, of APIs that are `empty`

Served as a FastAPI application is by default. Not in this room: what is measured.
"""

import asyncio
import os
import sys
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI
from sqlalchemy import Column, MetaData, Table, Text, insert
from sqlalchemy.dialects.postgresql import JSONB

from shared.db import Database

ROWS = Table("least", MetaData(), Column("local_id", Text, primary_key=True), Column("data", JSONB))


def rows() -> FastAPI:
    """Make the API that inserts rows."""
    app = FastAPI()
    database = Database(os.environ["LEAST_DATABASE_URL"], pool_size=8, name="least")

    @app.put("/rows/{local_id}", status_code=201)
    async def put_row(local_id: str, data: dict[str, Any]) -> dict[str, str]:
        async with database.transaction() as tx:
            await tx.execute(insert(ROWS), {"local_id": local_id, "data": data})
        return {"local_id": local_id}

    return app


def empty() -> FastAPI:
    """Make the API that answers nothing."""
    app = FastAPI()

    @app.get("/")
    async def nothing() -> dict[str, str]:
        return {}

    return app


def calls() -> FastAPI:
    """Make the API that calls others as a view does: one first, then all others at once."""
    app = FastAPI()
    first, *others = os.environ["LEAST_URLS"].split(",")
    client = httpx.AsyncClient(trust_env=False)

    @app.get("/")
    async def view() -> list[Any]:
        answer = await client.get(first)
        answers = await asyncio.gather(*(client.get(url) for url in others))
        return [one.json() for one in (answer, *answers)]

    return app


if __name__ == "__main__":
    made = {"rows": rows, "empty": empty, "calls": calls}[sys.argv[1]]()
    uvicorn.run(made, port=int(os.environ["LEAST_PORT"]), log_config=None, access_log=False, server_header=False)
