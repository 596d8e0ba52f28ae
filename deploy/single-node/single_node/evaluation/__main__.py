"""The command behind `make evaluate`: `python -m single_node.evaluation`."""

import json
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from single_node.evaluation.datasets import DataSet, NoFebrl, febrl, synthetic
from single_node.evaluation.judgement import Judgement, judge
from single_node.evaluation.running import run_over
from single_node.evaluation.telling import table
from single_node.terminal import console, failures_told, progress_bar

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def evaluate(
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
    residents: Annotated[int, typer.Option(help="Residents of each synthetic world.", min=60)] = 3000,
) -> None:
    """Run the matching over FEBRL 1 to 3 and three synthetic worlds, and judge it against the truth."""
    with failures_told(), progress_bar() as bar:
        try:
            judgements = [_judged(dataset, bar) for dataset in chain(febrl(), synthetic(residents))]
        except NoFebrl as missing:
            console.print(str(missing))
            raise typer.Exit(1) from None
    print(table(judgements))
    if json_file is not None:
        json_file.write_text(json.dumps([one.to_json() for one in judgements], indent=1) + "\n", "utf-8")


def _judged(dataset: DataSet, bar: Progress) -> Judgement:
    task = bar.add_task(dataset.name, total=len(dataset.records))
    outcome = run_over(dataset, advance=partial(bar.advance, task))
    return judge(dataset, outcome.matching, reviews=outcome.reviews, refused=outcome.refused, seconds=outcome.seconds)


if __name__ == "__main__":
    app()
