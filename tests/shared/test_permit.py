"""Permits: what the gateway signs is what a service reads, for one request, and nothing else opens a door."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, OKPKey

from shared.categories import Action, Category, Form, scope_of
from shared.permit import Linkage, Permit, PermitGate, PermitMint, SourceFacts, fingerprint
from shared.problems import PermitRefused
from tests.builders import AT, MINT, PERMIT_KEY, PERMIT_KEYS, a_permit, facts, granting, linking, write_permit

GATE = PermitGate(PERMIT_KEYS, audience="customer-index")
REQUEST = fingerprint("GET", "/v1/people/1?include=household")

words = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=12)
scopes = st.builds(scope_of, words, words)
granted = st.dictionaries(st.sampled_from(Category), st.sampled_from(Form))
pairs = st.builds(Linkage, words, words, st.frozensets(words), st.frozensets(words))
permits = st.builds(
    Permit,
    txn=st.uuids(),
    subject=st.text(max_size=20),
    org=words,
    roles=st.lists(words, max_size=3).map(tuple),
    purpose=words,
    action=st.sampled_from(Action),
    grants=st.dictionaries(scopes, granted, max_size=6),
    linkages=st.lists(pairs, max_size=2).map(tuple),
    barred=st.lists(words, max_size=3).map(tuple),
    source=st.none() | st.builds(SourceFacts, words, words, st.integers(0, 100), words, st.none() | words),
)  # fmt: skip


def minted(permit: Permit | None = None, **changes: Any) -> str:
    asked: dict[str, Any] = {"audience": "customer-index", "request": REQUEST, "at": AT} | changes
    return MINT.mint(permit or a_permit("lbhf"), **asked)


def claims_of(token: str) -> dict[str, Any]:
    return dict(jwt.decode(token, KeySet([PERMIT_KEY]), algorithms=["Ed25519"]).claims)


def signed(claims: Any, **header: str) -> str:
    made = {"alg": "Ed25519", "typ": "scv-permit+jwt", "kid": "test"} | header
    return jwt.encode(made, claims, PERMIT_KEY, algorithms=["Ed25519"])


@given(permits)
def test_a_permit_arrives_as_it_was_minted(permit: Permit) -> None:
    assert GATE.verify(minted(permit), request=REQUEST, at=AT) == permit


def test_a_permit_lives_for_a_minute() -> None:
    token = minted()

    for seconds in (0, 59):
        assert GATE.verify(token, request=REQUEST, at=AT + timedelta(seconds=seconds)).org == "lbhf"
    for seconds in (60, 61, 86_400, -6):
        with pytest.raises(PermitRefused):
            GATE.verify(token, request=REQUEST, at=AT + timedelta(seconds=seconds))


def test_two_clocks_may_differ_by_a_few_seconds() -> None:
    assert GATE.verify(minted(), request=REQUEST, at=AT - timedelta(seconds=5)).org == "lbhf"


def test_a_permit_says_nothing_of_the_request_but_its_fingerprint() -> None:
    assert claims_of(minted())["req"] == REQUEST
    assert len(REQUEST) == 32


@pytest.mark.parametrize(
    ("method", "target"),
    [("POST", "/v1/people/1?include=household"), ("GET", "/v1/people/2?include=household"), ("GET", "/v1/people/1"),
     ("GET", "/v1/people/1?include=household&x=1"), ("get", "/v1/people/1?include=household")],
)  # fmt: skip
def test_a_permit_serves_no_other_request(method: str, target: str) -> None:
    with pytest.raises(PermitRefused):
        GATE.verify(minted(), request=fingerprint(method, target), at=AT)


@pytest.mark.parametrize(
    "change",
    [
        {"ver": 2}, {"ver": "1"}, {"iss": "somebody"}, {"aud": "referrals"}, {"aud": ["customer-index"]},
        {"exp": AT.timestamp() + 3600}, {"iat": "now"}, {"exp": None}, {"act": "everything"},
        {"grants": [[["lbhf/housing"], ["everything:value"]]]}, {"grants": None}, {"txn": "x"},
        {"links": [["lbhf"]]}, {"src": ["crm"]}, {"roles": None},
    ],
    ids=str,
)  # fmt: skip
def test_claims_that_no_gateway_makes_are_refused_though_signed(change: dict[str, Any]) -> None:
    with pytest.raises(PermitRefused):
        GATE.verify(signed(claims_of(minted()) | change), request=REQUEST, at=AT)


@pytest.mark.parametrize("missing", ["ver", "iss", "aud", "iat", "exp", "req", "org", "act", "grants", "links", "src"])
def test_no_claim_may_be_missing(missing: str) -> None:
    claims = claims_of(minted())
    del claims[missing]

    with pytest.raises(PermitRefused):
        GATE.verify(signed(claims), request=REQUEST, at=AT)


@pytest.mark.parametrize("header", [{"typ": "JWT"}, {"kid": "unknown"}], ids=str)
def test_a_token_of_another_kind_or_key_is_refused(header: dict[str, str]) -> None:
    with pytest.raises(PermitRefused):
        GATE.verify(signed(claims_of(minted()), **header), request=REQUEST, at=AT)


def test_a_token_signed_with_the_public_key_as_a_secret_is_refused() -> None:

    secret = OctKey.import_key(str(PERMIT_KEYS["keys"][0]["x"]))
    token = jwt.encode(
        {"alg": "HS256", "typ": "scv-permit+jwt", "kid": "test"}, claims_of(minted()), secret, algorithms=["HS256"]
    )

    with pytest.raises(PermitRefused):
        GATE.verify(token, request=REQUEST, at=AT)


@pytest.mark.parametrize("token", [None, "", "x", "a.b.c", "é", "." * 10, "e30.e30.e30"])
def test_what_is_no_token_is_refused_and_never_an_error(token: str | None) -> None:
    with pytest.raises(PermitRefused):
        GATE.verify(token, request=REQUEST, at=AT)


def test_while_keys_are_rotated_both_are_good() -> None:
    new = OKPKey.generate_key("Ed25519", parameters={"kid": "new"})
    gate = PermitGate(KeySet([PERMIT_KEY, new]).as_dict(private=False), audience="customer-index")
    token = PermitMint(new.as_dict(private=True)).mint(
        a_permit("lbhf"), audience="customer-index", request=REQUEST, at=AT
    )

    assert gate.verify(token, request=REQUEST, at=AT).org == "lbhf"
    assert gate.verify(minted(), request=REQUEST, at=AT).org == "lbhf"
    with pytest.raises(PermitRefused):
        GATE.verify(token, request=REQUEST, at=AT)


def test_scopes_with_the_same_categories_are_named_together() -> None:
    owners = [f"borough-{number}" for number in range(33)]
    grants = granting(*(f"{owner}/housing" for owner in owners), categories={Category.EXISTENCE: Form.VALUE})

    assert len(minted(a_permit("lbhf", grants=grants))) < 6 * 1024
    assert len(claims_of(minted(a_permit("lbhf", grants=grants)))["grants"]) == 1


def test_a_context_opens_only_scopes_whose_people_may_be_known() -> None:
    grants = {
        **granting("lbhf/housing", categories={Category.EXISTENCE: Form.VALUE}),
        **granting("wcc/housing", categories={Category.IDENTITY: Form.VALUE, Category.LINKAGE: Form.VALUE}),
    }

    linkages, hidden = (linking("wcc", "lbhf"),), uuid4()
    permit = a_permit("lbhf", grants=grants, linkages=linkages, barred=("wcc/crm",), hidden=(hidden,))

    assert permit.context() == {
        "scv.org": "lbhf", "scv.scopes": "lbhf/housing", "scv.pairs": "lbhf|wcc", "scv.barred": "wcc/crm",
        "scv.hidden": str(hidden),
    }  # fmt: skip


def test_only_an_assertion_or_a_steward_opens_what_matching_compares() -> None:
    writing = write_permit("lbhf", "housing").context()
    assert (writing["scv.matching_owner"], writing["scv.write_scope"]) == ("lbhf", "lbhf/housing")

    for permit in (
        a_permit("lbhf", source=facts("housing")),
        a_permit("lbhf", action=Action.WRITE),
        a_permit("lbhf", action=Action.SEARCH, source=facts("housing")),
    ):
        assert not {"scv.matching_owner", "scv.write_scope"} & permit.context().keys()

    stewarding = a_permit("lbhf", action=Action.STEWARD).context()
    assert stewarding["scv.matching_owner"] == "lbhf"
    assert "scv.write_scope" not in stewarding


def test_two_permits_are_told_apart_by_their_audit_id() -> None:
    assert a_permit("lbhf").txn != a_permit("lbhf").txn
    known = uuid4()
    assert GATE.verify(minted(a_permit("lbhf", txn=known)), request=REQUEST, at=AT).txn == known
