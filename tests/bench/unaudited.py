"""A gateway that answers without a record, for it to be measured what the record costs; never part of the product.

`python -m tests.bench.unaudited api` is the gateway's own API with its own settings, but for the database that its
routes write the audit to, which takes every row and keeps none.
"""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from sqlalchemy import Executable

from gateway.app import create_app
from gateway.settings import Settings
from shared.processes import run, serve


class Nothing:
    """A database that forgets what is written, and says that it is written."""

    async def execute(self, statement: Executable, values: Mapping[str, Any]) -> list[int]:  # noqa: ARG002
        """Forget a row; give the number of one that is not there."""
        return [1]


def unaudited(settings: Settings) -> FastAPI:
    """Make the gateway's application without its audit; the register is read from the database as ever."""
    app = create_app(settings)
    app.state.database = Nothing()
    return app


async def _api() -> None:
    settings = Settings()
    await serve(unaudited(settings), settings)


if __name__ == "__main__":
    run("gateway", {"api": _api})
