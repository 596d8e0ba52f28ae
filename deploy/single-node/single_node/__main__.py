"""`python -m single_node` is `scv`."""

from single_node.cli import app

app()
