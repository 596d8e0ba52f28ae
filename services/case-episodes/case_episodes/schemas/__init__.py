"""The wire of case-episodes: what is told about somebody, and what is shown of it."""
