"""The same extract in the hands of Splink: `python -m tests.bench.splinked EXTRACT` prints the seconds it took.

In this room: Splink on DuckDB as its own guide to de-duplicating people has it, from reading the file over training the
weights to the clusters, on two threads. It keeps nothing, tells nobody and protects nobody. Splink is named in
benchmark.lock.
"""

import json
import sys
from importlib import import_module
from time import perf_counter
from typing import Any, Final

_THREADS: Final = 2
_READ: Final = """
CREATE TABLE people AS
SELECT local_id AS unique_id, lower(given_names[1]) AS first_name, lower(family_name) AS surname, date_of_birth AS dob,
       upper(replace(addresses[1].postcode, ' ', '')) AS postcode, addresses[1].uprn AS uprn,
       lower(emails[1]) AS email, phones[1] AS phone, nhs_number, national_insurance_number
  FROM read_json('{extract}', format = 'newline_delimited', sample_size = -1, columns = {columns})
"""
_COLUMNS: Final = {
    "local_id": "VARCHAR",
    "given_names": "VARCHAR[]",
    "family_name": "VARCHAR",
    "date_of_birth": "VARCHAR",
    "addresses": "STRUCT(postcode VARCHAR, uprn VARCHAR)[]",
    "emails": "VARCHAR[]",
    "phones": "VARCHAR[]",
    "nhs_number": "VARCHAR",
    "national_insurance_number": "VARCHAR",
}
_JOINED: Final = 0.95
"""Least probability of a match at which two records are one person."""


def deduplicate(extract: str) -> int:
    """Train on an extract and de-duplicate it; give how many people there are."""
    splink: Any = import_module("splink")
    levels: Any = import_module("splink.comparison_library")
    database: Any = import_module("duckdb").connect(config={"threads": _THREADS})
    database.execute(_READ.format(extract=extract, columns=_COLUMNS))
    rules = [
        splink.block_on("first_name", "surname"),
        splink.block_on("surname", "dob"),
        splink.block_on("first_name", "dob"),
        splink.block_on("postcode", "first_name"),
        splink.block_on("email"),
        splink.block_on("phone", "first_name"),
        splink.block_on("nhs_number"),
        splink.block_on("national_insurance_number"),
    ]
    settings = splink.SettingsCreator(
        link_type="dedupe_only",
        comparisons=[
            levels.ForenameSurnameComparison("first_name", "surname"),
            levels.DateOfBirthComparison("dob", input_is_string=True),
            levels.PostcodeComparison("postcode"),
            levels.EmailComparison("email"),
            levels.ExactMatch("phone"),
            levels.ExactMatch("nhs_number"),
            levels.ExactMatch("national_insurance_number"),
        ],
        blocking_rules_to_generate_predictions=rules,
    )
    api = splink.DuckDBAPI(connection=database)
    linker = splink.Linker(api.register("people"), settings, log_level="ERROR")
    linker.training.estimate_probability_two_random_records_match([rules[1], rules[2]], recall=0.7)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6)
    for rule in (splink.block_on("first_name", "surname"), splink.block_on("dob")):
        linker.training.estimate_parameters_using_expectation_maximisation(rule)
    pairs = linker.inference.predict(threshold_match_probability=_JOINED)
    clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(pairs, threshold_match_probability=_JOINED)
    counted = database.execute(f"SELECT count(DISTINCT cluster_id) FROM {clusters.physical_name}").fetchone()
    return int(counted[0])


if __name__ == "__main__":
    began = perf_counter()
    people = deduplicate(sys.argv[1])
    print(json.dumps({"seconds": perf_counter() - began, "people": people}))  # noqa: T201  what is asked for
