"""The demo: the whole story of the platform, played over HTTP on throw-away data, every answer checked."""
