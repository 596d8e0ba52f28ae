"""The least that an API of ours could be: the same libraries and one query; `python -m tests.bench.bare api`."""

import os
from typing import Any

import aiokafka  # noqa: F401  the libraries are what is measured
import alembic.script  # noqa: F401
import httpx  # noqa: F401
import joserfc.jwk  # noqa: F401
import opentelemetry.sdk.trace  # noqa: F401
import prometheus_client  # noqa: F401
import pydantic_settings  # noqa: F401
import structlog  # noqa: F401
import uvicorn
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

app = FastAPI()
engine = create_async_engine(os.environ.get("BARE_DATABASE_URL", "postgresql+asyncpg://"))


@app.get("/readyz")
async def readyz() -> Any:
    """Answer if the database does."""
    async with engine.connect() as connection:
        return (await connection.execute(text("SELECT 1"))).scalar_one()


if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ["BARE_PORT"]), log_config=None)
