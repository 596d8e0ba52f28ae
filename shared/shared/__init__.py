"""Mechanics every service uses and the events they publish; no business rule and no service's table lives here."""
