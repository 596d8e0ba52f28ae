"""How an examination is told: a line for each thing, and below it how to mend what does not stand well."""

from collections import Counter
from collections.abc import AsyncIterator

from rich.console import Console
from rich.text import Text

from single_node.doctor.finding import Finding, State

_STYLES = {State.OK: "green", State.WARNING: "yellow", State.WRONG: "bold red", State.UNCHECKED: "dim"}
_WIDTH = 32


async def tell(findings: AsyncIterator[Finding]) -> Counter[State]:
    """Print what is found as it is found; give how often each state was."""
    console = Console(highlight=False, soft_wrap=True)
    states: Counter[State] = Counter()
    async for finding in findings:
        states[finding.state] += 1
        console.print(_line(finding))
        if finding.remedy:
            console.print(Text(f"{'':10} → {finding.remedy}"))
    console.print(Text("doctor: " + ", ".join(f"{states[state]} {state}" for state in State)))
    return states


def _line(finding: Finding) -> Text:
    state = Text(f"{finding.state:<10} ", style=_STYLES[finding.state])
    return state.append(Text(f"{finding.name:<{_WIDTH}} {finding.detail}", style="default"))
