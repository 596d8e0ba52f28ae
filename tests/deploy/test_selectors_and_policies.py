"""The reading of NetworkPolicies itself, on small networks whose graph is plain to see."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deploy.checks.network import Edge, Network, Pod
from deploy.checks.rendering import Manifest
from deploy.checks.selectors import selects

A = Pod(name="a", namespace="x", labels={"app": "a"}, ports={"web": 80})
B = Pod(name="b", namespace="x", labels={"app": "b"}, ports={"web": 8080, "own": 9090})
FAR = Pod(name="far", namespace="y", labels={"app": "a"})


def policy(spec: dict[str, Any], namespace: str = "x") -> Manifest:
    return {"kind": "NetworkPolicy", "metadata": {"name": "p", "namespace": namespace}, "spec": spec}


def of(app: str) -> dict[str, Any]:
    return {"podSelector": {"matchLabels": {"app": app}}}


DENY = policy({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]})
OUT = policy({**of("a"), "policyTypes": ["Egress"], "egress": [{"to": [of("b")], "ports": [{"port": "web"}]}]})
IN = policy({**of("b"), "ingress": [{"from": [of("a")], "ports": [{"port": 8080}]}]})
WEB = Edge("a", "b", 8080)


def edges(*policies: Manifest, **more: Any) -> set[str]:
    network = Network(pods=[A, B], policies=policies, **more)
    return {str(edge) for edge in network.edges() if edge.source != edge.target}


def test_an_edge_needs_both_sides() -> None:
    assert edges(DENY, OUT, IN) == {str(WEB)}
    assert edges(DENY, OUT) == edges(DENY, IN) == set()


def test_who_is_selected_by_nobody_is_open() -> None:
    assert str(WEB) in edges()
    assert edges(IN) >= {str(WEB), "b → a:any port/TCP"}


def test_a_port_is_looked_up_by_name_on_the_pod_that_listens() -> None:
    by_number = policy({**of("a"), "policyTypes": ["Egress"], "egress": [{"to": [of("b")], "ports": [{"port": 80}]}]})

    assert edges(DENY, by_number, IN) == set()


def test_a_range_of_ports_covers_its_ends_and_what_pods_name_between() -> None:
    span = [{"port": 8000, "endPort": 9100}]
    out = policy({**of("a"), "policyTypes": ["Egress"], "egress": [{"to": [of("b")], "ports": span}]})
    anybody = policy({**of("b"), "ingress": [{}]})

    assert edges(DENY, out, anybody) == {f"a → b:{port}/TCP" for port in (8000, 8080, 9090, 9100)}


def test_another_protocol_is_another_port() -> None:
    udp = policy({**of("b"), "ingress": [{"ports": [{"port": 8080, "protocol": "UDP"}]}]})

    assert edges(DENY, OUT, udp) == set()


def test_a_pod_selector_alone_means_the_policys_own_namespace() -> None:
    far_in = edges(DENY, IN, others=[FAR])
    everywhere = policy({**of("b"), "ingress": [{"from": [{"namespaceSelector": {}, **of("a")}]}]})

    assert far_in == set()
    assert "far → b:8080/TCP" in edges(DENY, everywhere, others=[FAR])


def test_a_namespace_is_known_by_its_labels_and_its_name() -> None:
    by_label = policy({**of("b"), "ingress": [{"from": [{"namespaceSelector": {"matchLabels": {"part": "in"}}}]}]})
    name = {"matchLabels": {"kubernetes.io/metadata.name": "y"}}
    by_name = policy({**of("b"), "ingress": [{"from": [{"namespaceSelector": name}]}]})

    assert edges(DENY, by_label, others=[FAR]) == set()
    assert "far → b:8080/TCP" in edges(DENY, by_label, others=[FAR], namespaces={"y": {"part": "in"}})
    assert "far → b:8080/TCP" in edges(DENY, by_name, others=[FAR])


def test_a_block_of_addresses_is_an_edge_over_the_border_and_no_pod() -> None:
    block = {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}}
    out = policy({**of("a"), "policyTypes": ["Egress"], "egress": [{"to": [block], "ports": [{"port": 443}]}]})

    assert edges(DENY, out) == {"a → 0.0.0.0/0-10.0.0.0/8:443/TCP"}


def test_rules_without_their_policy_type_say_nothing() -> None:
    ignored = policy({**of("b"), "policyTypes": ["Egress"], "ingress": [{}]})

    assert edges(DENY, OUT, ignored) == set()


LABELS = st.dictionaries(st.sampled_from("abc"), st.sampled_from("xyz"), max_size=3)
BUSY = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A machine with much else to do is no failure."""


@BUSY
@given(LABELS, st.sampled_from("abc"), st.lists(st.sampled_from("xyz"), min_size=1, max_size=3))
def test_the_operators_of_a_selector_come_in_opposites(labels: dict[str, str], key: str, values: list[str]) -> None:
    def holds(operator: str) -> bool:
        return selects({"matchExpressions": [{"key": key, "operator": operator, "values": values}]}, labels)

    assert holds("In") is not holds("NotIn")
    assert holds("Exists") is not holds("DoesNotExist")
    assert not holds("In") or holds("Exists")


@BUSY
@given(LABELS, LABELS)
def test_labels_match_what_is_a_part_of_them(labels: dict[str, str], wanted: dict[str, str]) -> None:
    assert selects({"matchLabels": wanted}, labels) is (wanted.items() <= labels.items())
