"""What signing or ending an agreement would have made of past calls, told before anybody signs or ends it."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.agreement import AgreementContent
from gateway.governance import Agreement, BarredSource
from gateway.impact import PastCall, Supposition, differences, supposed, with_agreement
from gateway.lifecycle import AgreementStatus, IllegalTransitionError
from gateway.organisation import OrganisationKind
from gateway.policy import decide
from shared.categories import Action, Form, Grants, Purpose, fullest
from single_node.postgres import Server
from tests.gateway.conftest import as_superuser
from tests.gateway.oracle import CATEGORIES, FORMS
from tests.gateway.platform import AGREEMENT, Platform
from tests.gateway.test_api_policies import PERSON, decided, nobody
from tests.gateway.worlds import KINDS, NOON, agreements, calling, compiled, worlds

IG, SIGN = "lbhf/ig/ig-lead", "lbhf/sign/signatory"
WCC_IG, WCC_SIGN = "wcc/ig/ig-lead", "wcc/sign/signatory"
WILL = "wcc/will/caseworker"
SHOWN = ["cases:exists", "contact_details", "existence", "identity"]


async def draft(platform: Platform, content: Mapping[str, Any] = AGREEMENT) -> dict[str, Any]:
    drafted = await platform.call("POST", "/v1/agreements", IG, json=content)
    assert drafted.status_code == 201, drafted.text
    answered: dict[str, Any] = drafted.json()
    return answered


async def impact(
    platform: Platform, agreement_id: str, who: str = WCC_IG, body: Mapping[str, str] | None = None, **params: str
) -> dict[str, Any]:
    told = await platform.call("POST", f"/v1/agreements/{agreement_id}/impact", who, json=body, params=params)
    assert told.status_code == 200, told.text
    answered: dict[str, Any] = told.json()
    return answered


async def seek(platform: Platform, who: str = WILL, times: int = 1) -> None:
    """Ask for somebody who is not there."""
    platform.behind.answer = nobody
    for _ in range(times):
        await platform.call("GET", PERSON, who, purpose="homelessness")


async def test_what_a_proposal_would_newly_allow_is_what_it_allows_once_it_is_signed(platform: Platform) -> None:
    await seek(platform, times=2)
    before = (await decided(platform, WILL))["grants"]
    drafted = await draft(platform)
    agreement_id = drafted["agreement_id"]

    of_draft = await impact(platform, agreement_id)
    path = f"/v1/agreements/{agreement_id}/transitions"
    await platform.move(path, IG, action="propose")
    await platform.move(path, SIGN, action="sign", digest=drafted["digest"])
    told = await impact(platform, agreement_id, WCC_SIGN)

    assert told == of_draft
    assert (told["replayed"], told["complete"]) == (2, True)
    assert told["items"][-1] == {
        "organisation": "wcc",
        "acting_for": "wcc",
        "purpose": "homelessness",
        "action": "read",
        "scope": "lbhf/housing",
        "denied": [],
        "allowed": SHOWN,
        "policies": [],
        "calls": 2,
    }
    assert (await decided(platform, WILL))["grants"] == before
    await platform.move(path, WCC_SIGN, action="sign", digest=drafted["digest"])
    after = (await decided(platform, WILL))["grants"]
    assert before | {one["scope"]: one["allowed"] for one in told["items"]} == after != before


async def test_what_an_end_would_newly_deny_is_what_a_suspension_takes_away(platform: Platform) -> None:
    agreement_id = await platform.agree()
    await seek(platform)
    before = (await decided(platform, WILL))["grants"]

    told = await impact(platform, agreement_id)

    assert {one["scope"]: (one["denied"], one["allowed"]) for one in told["items"]} == {
        "lbhf/customer-services": (SHOWN, []),
        "lbhf/housing": (SHOWN, []),
    }
    assert await impact(platform, agreement_id, body={"as": "ended"}) == told
    assert (await impact(platform, agreement_id, body={"as": "signed"}))["items"] == []
    assert (await impact(platform, agreement_id, to="2020-01-01")) == {"replayed": 0, "complete": True, "items": []}
    await platform.move(f"/v1/agreements/{agreement_id}/transitions", IG, action="suspend")
    after = (await decided(platform, WILL))["grants"]
    assert after | {one["scope"]: one["denied"] for one in told["items"]} == before != after
    resumed = await impact(platform, agreement_id)
    assert {one["scope"]: one["allowed"] for one in resumed["items"]}["lbhf/housing"] == SHOWN


async def test_an_amended_version_takes_the_place_of_the_one_in_force(platform: Platform) -> None:
    agreement_id = await platform.agree()
    await seek(platform)
    path = f"/v1/agreements/{agreement_id}"
    amended = deepcopy(AGREEMENT)
    amended["flows"][0]["service_areas"] = ["housing"]
    amended["flows"][0]["categories"] = [{"category": "existence"}, {"category": "identity"}, {"category": "cases"}]
    etag = (await platform.call("GET", path, IG)).headers["ETag"]
    assert (await platform.call("PUT", path, IG, json=amended, headers={"If-Match": etag})).status_code == 200

    told = await impact(platform, agreement_id)

    assert {one["scope"]: (one["denied"], one["allowed"]) for one in told["items"]} == {
        "lbhf/customer-services": (SHOWN, []),
        "lbhf/housing": (["contact_details"], ["cases"]),
    }
    ended = await impact(platform, agreement_id, body={"as": "ended"})
    assert {one["scope"]: one["denied"] for one in ended["items"]} == {
        "lbhf/customer-services": SHOWN,
        "lbhf/housing": SHOWN,
    }


async def test_a_proposal_that_begins_later_is_tried_on_calls_made_before(platform: Platform) -> None:
    await seek(platform)
    agreement_id = (await draft(platform, AGREEMENT | {"valid_from": "2028-01-01"}))["agreement_id"]

    told = await impact(platform, agreement_id)

    assert {one["scope"] for one in told["items"]} == {"lbhf/customer-services", "lbhf/housing"}


async def test_an_agreement_that_has_ended_comes_to_nothing(platform: Platform) -> None:
    agreement_id = await platform.agree()
    await platform.move(f"/v1/agreements/{agreement_id}/transitions", SIGN, action="terminate")

    refused = await platform.call("POST", f"/v1/agreements/{agreement_id}/impact", IG)

    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/illegal-transition")
    assert (await impact(platform, agreement_id, body={"as": "ended"}))["items"] == []


async def test_only_parties_ask_in_the_roles_that_decide(platform: Platform) -> None:
    path = f"/v1/agreements/{await platform.agree()}/impact"

    for who in ("rbkc/ig/ig-lead", "rbkc/sign/signatory"):
        unknown = await platform.call("POST", path, who)
        assert (unknown.status_code, unknown.json()["type"]) == (404, "/problems/unknown-agreement")
    for who in (WILL, "wcc/boss/admin"):
        refused = await platform.call("POST", path, who)
        assert (refused.status_code, refused.json()["type"]) == (403, "/problems/role-not-permitted")
    wrong = await platform.call("POST", path, IG, json={"as": "amended"})
    assert (wrong.status_code, [one["pointer"] for one in wrong.json()["errors"]]) == (422, ["/as"])
    assert (await platform.call("POST", path, SIGN)).status_code == 200
    asked = [row for row in await platform.audited("lbhf") if row["route"].endswith("/impact")]
    assert {(row["action"], row["outcome"], row["status"]) for row in asked} == {
        ("explain", "allowed", 200),
        ("govern", "failed", 422),
    }


async def test_of_a_third_partys_calls_and_data_nothing_is_told(platform: Platform, founded: Server) -> None:
    content = deepcopy(AGREEMENT)
    content["parties"].append({"org": "rbkc", "role": "controller"})
    content["flows"].append({**deepcopy(AGREEMENT["flows"][0]), "id": "f4", "from": "rbkc"})
    drafted = await draft(platform, content)
    agreement_id, path = drafted["agreement_id"], f"/v1/agreements/{drafted['agreement_id']}/transitions"
    await platform.move(path, IG, action="propose")
    for org in ("lbhf", "wcc", "rbkc"):
        await platform.move(path, f"{org}/sign/signatory", action="sign", digest=drafted["digest"])
    await seek(platform)
    await as_superuser(founded, "UPDATE audit SET owners = '{lbhf}' WHERE organisation = 'wcc' AND purpose IS NOT NULL")

    owners = {
        org: {
            one["scope"].partition("/")[0]
            for one in (await impact(platform, agreement_id, f"{org}/ig/ig-lead"))["items"]
        }
        for org in ("lbhf", "wcc", "rbkc")
    }

    assert owners == {"lbhf": {"lbhf"}, "wcc": {"lbhf", "rbkc"}, "rbkc": set()}


def stored(world: Mapping[str, Any], number: int) -> Agreement:
    """Give one of a world's agreements as a value."""
    each = world["agreements"][number]
    return Agreement(
        agreement_id=each["id"],
        version=1,
        status=AgreementStatus(each["status"]),
        content=AgreementContent.model_validate(each["content"]),
    )


@given(worlds(), agreements(number=1), st.sampled_from(AgreementStatus))
@settings(max_examples=60, deadline=None)
def test_the_rules_with_an_agreement_are_those_compiled_with_it(
    world: dict[str, Any], amended: dict[str, Any], status: AgreementStatus
) -> None:
    amended = amended | {"status": status}
    others = [each for each in world["agreements"] if each["id"] != amended["id"]]
    changed = world | {"agreements": [*others, amended]}

    after = with_agreement(
        compiled(world),
        stored(changed, -1),
        organisations={org: OrganisationKind(kind) for org, kind in KINDS.items()},
        barred_sources=[BarredSource(owner=org, service_area=area, statute=act) for org, area, act in world["bars"]],
    )

    assert after == compiled(changed)


SOME = st.dictionaries(st.sampled_from(CATEGORIES), st.sampled_from(FORMS), max_size=5)


@given(SOME, SOME)
@settings(max_examples=60, deadline=None)
def test_what_differs_is_all_that_two_decisions_differ_in(first: dict[str, str], second: dict[str, str]) -> None:
    worker = {"org": "wcc", "roles": ["caseworker"], "registered_roles": ["caseworker"]}
    asker = calling(worker | {"training": {}, "commitments": {}})
    asked: dict[str, Any] = {"caller": asker, "purpose": Purpose.HOMELESSNESS, "action": Action.READ, "at": NOON}
    before, after = compiled(sharing(first)), compiled(sharing(second))
    old, new = (cells(decide(governance, **asked).grants) for governance in (before, after))

    found = differences(before, after, org="wcc", calls=[PastCall(**asked, emergency=None, times=1)])

    left = {(one.scope, *cell.partition(":")[::2]) for one in found for cell in one.denied}
    came = {(one.scope, *cell.partition(":")[::2]) for one in found for cell in one.allowed}
    assert left == {(*cell, form) for cell, form in old.items() if tells_more(form, than=new.get(cell))}
    assert came == {(*cell, form) for cell, form in new.items() if tells_more(form, than=old.get(cell))}


def sharing(granted: dict[str, str]) -> dict[str, Any]:
    """Make a world in which lbhf lets caseworkers of wcc see so much of its housing records."""
    content = deepcopy(AGREEMENT)
    [flow, *_] = content["flows"]
    flow["categories"] = [{"category": name, "form": form} for name, form in ({"existence": "value"} | granted).items()]
    del flow["training"], flow["commitment"]
    return {"kinds": KINDS, "agreements": [{"id": "a0", "status": "active", "content": content}], "bars": []}


def cells(grants: Grants) -> dict[tuple[str, str], str]:
    """Give each granted cell with its form, nothing for the value."""
    return {
        (scope, category): "" if form is Form.VALUE else form.value
        for scope, granted in grants.items()
        for category, form in granted.items()
    }


def tells_more(form: str, *, than: str | None) -> bool:
    if than is None:
        return True
    told, other = Form(form or Form.VALUE), Form(than or Form.VALUE)
    return told is not other and fullest(told, other) is told


@pytest.mark.parametrize("status", AgreementStatus)
def test_nothing_said_an_active_agreement_ends_and_any_other_that_can_be_is_signed(status: AgreementStatus) -> None:
    content = AgreementContent.model_validate(AGREEMENT)
    agreement = Agreement(agreement_id="a1", version=1, status=status, content=content)

    assert supposed(agreement, supposition=Supposition.ENDED) == replace(agreement, status=AgreementStatus.TERMINATED)
    match status:
        case AgreementStatus.DRAFT | AgreementStatus.PROPOSED:
            signed = supposed(agreement, supposition=None)
            assert (signed.status, signed.content.valid_from) == (AgreementStatus.ACTIVE, date.min)
            assert signed.content.model_copy(update={"valid_from": content.valid_from}) == content
        case AgreementStatus.ACTIVE:
            assert supposed(agreement, supposition=None).status is AgreementStatus.TERMINATED
            assert supposed(agreement, supposition=Supposition.SIGNED) == agreement
        case AgreementStatus.SUSPENDED:
            assert supposed(agreement, supposition=None) == replace(agreement, status=AgreementStatus.ACTIVE)
        case _:
            with pytest.raises(IllegalTransitionError):
                supposed(agreement, supposition=None)
