"""Writes the alert rules as Prometheus' operator takes them: `python3 deploy/alerts.py`, after a change of the rules.

The rules themselves are deploy/observability/prometheus/rules, which plain Prometheus reads as well; they go into
deploy/components/monitoring/alerts.yaml word for word.
"""

from pathlib import Path

DEPLOY = Path(__file__).parent
RULES = DEPLOY / "observability/prometheus/rules"
ALERTS = DEPLOY / "components/monitoring/alerts.yaml"


def written() -> str:
    """Give the manifests: one for each file of rules, which holds nothing but `groups`."""
    return "---\n".join(_manifest(path) for path in sorted(RULES.glob("*.yaml")))


def _manifest(path: Path) -> str:
    lines = path.read_text(encoding="utf-8").splitlines()
    inside = "\n".join(f"  {line}" if line else "" for line in lines)
    return (
        f"# Written by deploy/alerts.py from {path.relative_to(DEPLOY.parent)}; do not edit.\n"
        "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\n"
        f"metadata:\n  name: scv-{path.stem}\n"
        "  labels: {app.kubernetes.io/part-of: single-customer-view}\n"
        f"spec:\n{inside}\n"
    )


if __name__ == "__main__":
    ALERTS.write_text(written(), encoding="utf-8")
