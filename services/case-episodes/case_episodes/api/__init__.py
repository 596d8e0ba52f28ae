"""The routes of case-episodes: parse, check the permit, call, answer; no SQL and no rules."""

from fastapi import APIRouter

from case_episodes.api import assessments, cases, catalogue, contacts, episodes, people, queue

routers: tuple[APIRouter, ...] = (
    catalogue.router,
    contacts.router,
    cases.router,
    queue.router,
    episodes.router,
    assessments.router,
    people.router,
)
