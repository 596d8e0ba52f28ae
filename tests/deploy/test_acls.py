"""What each user of Kafka may do is exactly what its service does, and a partner reads its own topic only."""

import re
from typing import Final

import pytest

from deploy.checks.acls import Right, granted, needed, service_of, users
from deploy.checks.rendering import ROOT, parsed
from deploy.checks.told import SERVICES
from tests.deploy.overlays import overlay_of

WITH_KAFKA: Final = ("partnership", "production")
PARTNERS: Final = ROOT / "deploy/components/kafka"


@pytest.mark.parametrize("name", WITH_KAFKA)
@pytest.mark.parametrize("package", SERVICES)
def test_a_service_may_do_what_it_does_and_no_more(name: str, package: str) -> None:
    service = service_of(package)

    assert granted(users(overlay_of(name))[f"{service.name}-kafka"]) == needed(service)


@pytest.mark.parametrize("name", WITH_KAFKA)
def test_nobody_else_is_a_user_but_partners(name: str) -> None:
    services = {f"{service_of(package).name}-kafka" for package in SERVICES}

    assert {user for user in users(overlay_of(name)) if not user.startswith("partner-")} == services


def test_a_partner_reads_its_own_topic_in_groups_of_its_own() -> None:
    found = {
        name: user
        for file in PARTNERS.glob("partner-*.yaml")
        for name, user in users(parsed(file.read_text("utf-8"))).items()
        if name.startswith("partner-")
    }

    assert found
    groups = {service_of(package).name for package in SERVICES}
    for name, user in found.items():
        org = name.removeprefix("partner-")
        rights = granted(user)
        assert {one for one in rights if one.resource == "topic"} == {
            Right("topic", f"scv.partner.{org}.referrals", "Read")
        }
        for right in rights - {one for one in rights if one.resource == "topic"}:
            assert (right.resource, right.operation) == ("group", "Read")
            assert re.fullmatch(rf"{re.escape(org)}\..*", right.name)
            assert not any(f"{group}.".startswith(right.name) for group in groups)


def test_a_right_that_writing_implies_is_no_right_more() -> None:
    rule = {"resource": {"type": "topic", "name": "t"}, "operations": ["Write", "Describe"]}
    alone = {"resource": {"type": "topic", "name": "u"}, "operations": ["Describe"]}
    user = {"spec": {"authorization": {"acls": [rule, alone]}}}

    assert granted(user) == {Right("topic", "t", "Write"), Right("topic", "u", "Describe")}
