"""The routes of customer-index: parse, check the permit, call, answer; no SQL and no rules."""

from fastapi import APIRouter

from customer_index.api import anchors, disclosure, loads, people, protection, records, reviews, stewardship

routers: tuple[APIRouter, ...] = (
    records.router,
    loads.router,
    people.router,
    protection.router,
    reviews.router,
    stewardship.router,
    anchors.router,
    disclosure.router,
)
