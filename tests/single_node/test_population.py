"""The synthetic residents: the same world for a seed, harmless values, a fair truth and enough hard cases."""

import json
from datetime import date
from functools import cache
from hashlib import sha256
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from single_node.population import HARD_NEGATIVES, OWNERS, SOURCES, Extracted, World, generate, write_extracts
from single_node.population.fairness import recognisable

DRAMA_HEADS = (
    *("07700900", "02079460", "01914980", "02896496", "02920180", "01632960", "03069990"),
    *(f"0{area}4960" for area in (113, 114, 115, 116, 117, 118, 121, 131, 141, 151, 161)),
)
RECORD_FIELDS = {
    "given_names",
    "family_name",
    "previous_family_names",
    "known_as",
    "title",
    "date_of_birth",
    "gender",
    "nhs_number",
    "national_insurance_number",
    "addresses",
    "phones",
    "emails",
    "preferred_channel",
    "preferred_language",
    "interpreter_required",
    "accessibility_needs",
    "relationships",
    "markers",
    "observed_at",
}


@cache
def world_of(seed: int) -> World:
    return generate(seed)


@pytest.fixture(scope="module")
def world() -> World:
    return world_of(7)


@pytest.fixture(scope="module")
def clean() -> World:
    return generate(7, residents=600, error_rate=0.0)


def values(world: World, field: str) -> list[Any]:
    return [item.record[field] for item in world.records if field in item.record]


def records_of(world: World) -> dict[int, list[Extracted]]:
    found: dict[int, list[Extracted]] = {}
    for item in world.records:
        found.setdefault(item.resident, []).append(item)
    return found


def test_one_seed_gives_one_world_and_another_seed_another() -> None:
    first, again, other = (generate(seed, residents=300) for seed in (1, 1, 2))
    assert first == again
    assert first.records != other.records


def test_a_seed_gives_the_same_world_on_every_machine() -> None:
    told = [(item.key, item.resident, item.record) for item in generate(1, residents=300).records]
    assert sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16] == "3f8f70ec87df0045"


def test_a_world_has_the_asked_number_of_residents_and_about_two_records_for_each(world: World) -> None:
    assert len(world.residents) == 3000
    assert 5500 <= len(world.records) <= 6500
    assert {(item.owner, item.source) for item in world.records} == {
        (owner, source) for owner in OWNERS for source in SOURCES
    }


def test_the_truth_names_a_resident_for_every_record_and_a_record_for_every_resident(world: World) -> None:
    truth = world.truth()
    assert len(truth) == len(world.records)
    assert sorted(set(truth.values())) == [resident.id for resident in world.residents]
    for pairs, same_owner in ((world.true_pairs_within(), True), (world.true_pairs_across(), False)):
        assert pairs
        assert all(truth[one] == truth[other] and (one[0] == other[0]) is same_owner for one, other in pairs)
    total = sum(len(items) * (len(items) - 1) // 2 for items in records_of(world).values())
    assert len(world.true_pairs_within()) + len(world.true_pairs_across()) == total


def test_a_sixth_of_the_residents_are_known_to_two_boroughs(world: World) -> None:
    both = {pair: world.known_to_both(*pair) for pair in combinations(OWNERS, 2)}
    assert all(both.values())
    assert 0.14 <= sum(map(len, both.values())) / len(world.residents) <= 0.21
    holders = {item.owner for item in world.records if item.resident == both["lbhf", "rbkc"][0]}
    assert holders == {"lbhf", "rbkc"}


@pytest.mark.parametrize("seed", [7, 8, 9])
def test_every_class_of_hard_negatives_is_there_with_two_different_humans_in_each_pair(seed: int) -> None:
    world = world_of(seed)
    assert set(world.hard_negatives) == set(HARD_NEGATIVES)
    for kind, pairs in world.hard_negatives.items():
        assert len(pairs) >= (10 if kind == "namesakes" else 20), kind
        assert all(one != other for one, other in pairs)


def test_hard_negatives_are_what_their_class_says(world: World) -> None:
    def people(kind: str) -> list[tuple[Any, Any]]:
        return [(world.residents[one], world.residents[other]) for one, other in world.hard_negatives[kind]]

    for one, other in people("twins"):
        assert one.member.born == other.member.born
        assert one.household == other.household
        assert one.member.name.given != other.member.name.given
    for parent, child in people("parent-and-child"):
        assert (parent.member.name.given[0], parent.member.name.family) == (
            child.member.name.given[0],
            child.member.name.family,
        )
        assert 20 <= child.member.born.year - parent.member.born.year <= 36
        assert parent.stays[-1].address == child.stays[-1].address
    for one, other in people("namesakes"):
        assert one.member.name == other.member.name
        assert one.member.born != other.member.born
        assert one.household != other.household
    assert any(one.member.born.year == other.member.born.year for one, other in people("namesakes"))
    for kind in ("spouses", "siblings", "flatmates"):
        assert all(one.household == other.household for one, other in people(kind))


def test_no_two_residents_have_one_forename_family_name_and_birth_date(world: World) -> None:
    known = [(item.member.name.forename, item.member.name.family, item.member.born) for item in world.residents]
    assert len(set(known)) == len(known)


def test_no_two_residents_have_records_at_one_place_that_nothing_tells_apart(world: World) -> None:
    seen: dict[tuple[str, ...], Extracted] = {}
    for item in world.records:
        record = item.record
        for address in record.get("addresses", ()):
            if "date_of_birth" in record or "uprn" not in address:
                continue
            called = " ".join(record["given_names"][: 1 + (record["given_names"][0] in ("Thi", "Van"))])
            key = (called.casefold(), record["family_name"].casefold(), address["uprn"])
            assert seen.setdefault(key, item).resident == item.resident


@pytest.mark.parametrize("seed", [7, 8, 9])
def test_hardly_any_record_is_past_recognition_beside_the_others_of_its_resident(seed: int) -> None:
    world = world_of(seed)
    several = [items for items in records_of(world).values() if len(items) > 1]
    hopeless = [
        item
        for items in several
        for item in items
        if not any(recognisable(item.record, other.record) for other in items if other is not item)
    ]
    assert len(hopeless) <= 0.02 * len(world.records)


def test_records_have_only_the_fields_of_a_source_record_and_survive_json(world: World) -> None:
    for item in world.records:
        assert set(item.record) <= RECORD_FIELDS
        assert json.loads(json.dumps(item.record)) == item.record
        assert all(0 < len(name) <= 35 for name in item.record["given_names"])
        date.fromisoformat(item.record.get("date_of_birth", "2000-01-01"))


def test_every_telephone_number_is_a_drama_number_or_the_torso_of_one(world: World) -> None:
    numbers = [phone for phones in values(world, "phones") for phone in phones]
    plain = [number.replace(" ", "").replace("+44", "0") for number in numbers]
    assert len(plain) > 2000
    for number in plain:
        whole = len(number) == 11
        assert number.startswith(DRAMA_HEADS) if whole else 6 <= len(number) <= 8
        assert whole or any(head.startswith(number) or number.startswith(head) for head in DRAMA_HEADS)


def test_every_mailbox_is_at_a_reserved_domain(world: World) -> None:
    addresses = [email for emails in values(world, "emails") for email in emails]
    assert len(addresses) > 1500
    assert all(email.endswith(("example.org", "example.com", "example.net")) for email in addresses)
    assert all(email.isascii() for email in addresses)


def test_every_nhs_number_begins_999_has_its_check_digit_and_one_bearer(world: World) -> None:
    numbers = values(world, "nhs_number")
    assert len(numbers) > 200
    for number in numbers:
        remainder = 11 - sum(int(digit) * (10 - place) for place, digit in enumerate(number[:9])) % 11
        assert number.startswith("999")
        assert int(number[9]) == remainder % 11
    bearers = {(item.record["nhs_number"], item.resident) for item in world.records if "nhs_number" in item.record}
    assert len(bearers) == len({number for number, _ in bearers}) == len({resident for _, resident in bearers})


def test_every_national_insurance_number_has_an_unallocated_prefix_and_one_bearer(world: World) -> None:
    held = {
        (item.record["national_insurance_number"], item.resident)
        for item in world.records
        if "national_insurance_number" in item.record
    }
    assert len(held) > 500
    assert len(held) == len({number for number, _ in held}) == len({resident for _, resident in held})
    assert all(len(n) == 9 and n[:2] == "GA" and n[2:8].isdigit() and n[8] in "ABCD" for n, _ in held)


def test_every_uprn_is_twelve_digits_from_the_unallocated_range(world: World) -> None:
    uprns = [address["uprn"] for group in values(world, "addresses") for address in group if "uprn" in address]
    assert len(uprns) > 3000
    assert all(len(uprn) == 12 and uprn.isdigit() and uprn.startswith("9999") for uprn in uprns)


def test_housing_always_has_the_uprn_and_council_tax_often_no_birth_date(world: World) -> None:
    housing = [item.record for item in world.records if item.source == "housing"]
    assert all("uprn" in address for record in housing for address in record["addresses"])
    council_tax = [item.record for item in world.records if item.source == "council-tax"]
    missing = sum("date_of_birth" not in record for record in council_tax) / len(council_tax)
    assert 0.2 <= missing <= 0.4


def test_without_errors_every_value_is_the_residents_own(clean: World) -> None:
    for item in clean.records:
        resident = clean.residents[item.resident]
        member, record = resident.member, item.record
        homes = {(stay.address.lines, stay.address.postcode, stay.address.uprn) for stay in resident.stays}
        assert record["given_names"] == list(member.name.given[: len(record["given_names"])])
        assert record["family_name"] in (member.name.family, member.maiden_name)
        assert record.get("date_of_birth", member.born.isoformat()) == member.born.isoformat()
        assert record.get("emails", list(resident.emails)) == list(resident.emails)
        for phone in record.get("phones", ()):
            assert phone.replace(" ", "").replace("+44", "0") in resident.phones
        for address in record.get("addresses", ()):
            assert any(
                tuple(address["lines"]) == lines
                and address.get("postcode", postcode) == postcode
                and address.get("uprn", uprn) == uprn
                for lines, postcode, uprn in homes
            )


def test_the_error_rate_is_the_share_of_fields_that_are_wrong() -> None:
    for rate in (0.02, 0.08):
        world = generate(11, residents=1500, error_rate=rate)
        told = [item for item in world.records if "date_of_birth" in item.record]
        wrong = sum(item.record["date_of_birth"] != str(world.residents[item.resident].member.born) for item in told)
        assert rate * 0.6 <= wrong / len(told) <= rate * 1.2


def test_many_communities_are_large_enough_to_be_reported_on(world: World) -> None:
    origins = [resident.origin for resident in world.residents]
    assert len(set(origins)) >= 25
    assert sum(origins.count(origin) >= 40 for origin in set(origins)) >= 20


def test_relationships_point_at_records_of_the_same_source(world: World) -> None:
    keys = set(world.truth())
    pointed = [
        (item.owner, item.source, related["local_id"])
        for item in world.records
        for related in item.record.get("relationships", ())
    ]
    assert pointed
    assert set(pointed) <= keys


def test_extracts_hold_every_record_once_in_a_file_per_owner_and_source(tmp_path: Path, clean: World) -> None:
    paths = write_extracts(clean, tmp_path / "extracts")
    assert [path.name for path in paths] == sorted(f"{owner}-{source}.ndjson" for owner in OWNERS for source in SOURCES)
    lines = {path.stem: path.read_text(encoding="utf-8").splitlines() for path in paths}
    written = {(stem, json.loads(line)["local_id"]): json.loads(line) for stem, rows in lines.items() for line in rows}
    assert sum(map(len, lines.values())) == len(written) == len(clean.records)
    for item in clean.records:
        assert written[f"{item.owner}-{item.source}", item.local_id] == {"local_id": item.local_id, **item.record}
