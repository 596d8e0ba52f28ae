"""One file decides what evidence is worth; it is read once and answers for every level there is."""

import pytest

from customer_index.model import load_model

MODEL = load_model()


def test_a_model_is_read_once_and_names_its_version() -> None:
    assert load_model() is MODEL
    assert load_model("default-1").version == MODEL.version
    assert MODEL.name == "default-1"


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(FileNotFoundError):
        load_model("no-such-model")


def test_a_rare_name_says_more_than_a_common_one() -> None:
    assert MODEL.surnames.rarity("khan") < MODEL.surnames.rarity("perera") < MODEL.surnames.rarity("bhatnagar")
    assert MODEL.forenames.rarity("mohammed") < MODEL.forenames.rarity("siobhan")


def test_spellings_of_one_name_know_each_other() -> None:
    assert MODEL.forenames.are_variants("mohammed", "muhammad")
    assert not MODEL.forenames.are_variants("mohammed", "ahmed")
    assert not MODEL.forenames.are_variants("mohammed", "zebedee")
    assert "mohamed" in MODEL.forenames.spellings("muhammad")
    assert MODEL.forenames.spelling("mohamed") == MODEL.forenames.spelling("muhammad") == "mohammed"
    assert MODEL.forenames.spelling("zebedee") == "zebedee"


def test_probability_grows_with_the_total_and_stays_one() -> None:
    chances = [MODEL.probability(total) for total in (-500.0, 0.0, 14.0, 20.0, 500.0)]
    assert chances == sorted(chances)
    assert chances[0] == pytest.approx(0.0)
    assert chances[-1] == pytest.approx(1.0)


def test_joining_promises_at_most_one_error_in_ten_thousand() -> None:
    assert 1 - MODEL.probability(MODEL.thresholds.join) <= 1.01e-4


def test_leaving_takes_more_than_not_joining() -> None:
    assert MODEL.thresholds.fracture < MODEL.thresholds.join


def test_a_household_alone_never_reaches_a_link_nor_with_two_slips() -> None:
    two_slips = MODEL.weights["forename"]["near"] + MODEL.weights["birth"]["near"] + MODEL.weights["gender"]["exact"]
    assert MODEL.thresholds.household < MODEL.thresholds.join
    assert MODEL.thresholds.household + two_slips < MODEL.thresholds.join + MODEL.weights["gender"]["exact"]
