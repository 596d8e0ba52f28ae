"""The routes of referrals: parse, check the permit, call, answer; no SQL and no rules."""

from fastapi import APIRouter

from referrals.api import directory, events, people, referrals

routers: tuple[APIRouter, ...] = (directory.router, referrals.router, events.router, people.router)
