"""Who may connect to whom: the graph that follows from NetworkPolicies.

An edge exists only where the policies of one side let it out and those of the other let it in. Policies add up; a side
that none selects is open. In this room: the rules of `networking.k8s.io/v1`, pure. Not in this room: which pods there
are (`pods`, `operators`) and which edges there should be (the tests).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import Any, Final

from deploy.checks.rendering import Manifest, namespace_of
from deploy.checks.selectors import Labels, selects

ANY: Final = 0
"""Stands for every port that nobody named; no pod listens on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """A kind of pod: those of one workload, which are alike to policies.

    `ports` are its named ports; `hears` are all it listens on, where that is known. Where it is not, a policy that lets
    somebody in by any port counts.
    """

    name: str
    namespace: str
    labels: Labels
    ports: Mapping[str, int] = field(default_factory=dict)
    hears: frozenset[int] | None = None


@dataclass(frozen=True, slots=True, order=True)
class Edge:
    """A connection that is let through; `target` is a pod's name or a block of addresses."""

    source: str
    target: str
    port: int = ANY
    protocol: str = "TCP"

    def __str__(self) -> str:
        return f"{self.source} → {self.target}:{self.port or 'any port'}/{self.protocol}"


@dataclass(frozen=True, slots=True)
class _Rule:
    """Who is let through, by name, and to which ports; none are all."""

    peers: frozenset[str]
    ports: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Network:
    """Our pods, pods of others, the policies about them, and the labels of namespaces by name."""

    pods: Sequence[Pod]
    policies: Sequence[Manifest]
    others: Sequence[Pod] = ()
    namespaces: Mapping[str, Labels] = field(default_factory=dict)

    @property
    def everybody(self) -> list[Pod]:
        """Give our pods and those of others."""
        return [*self.pods, *self.others]

    def edges(self) -> frozenset[Edge]:
        """Compute every connection that is let through, between pods and to or from blocks of addresses."""
        return frozenset([*self._between_pods(), *self._over_the_border()])

    def selected(self, policy: Manifest) -> list[Pod]:
        """Give the pods that a policy is about."""
        return [
            pod
            for pod in self.everybody
            if pod.namespace == namespace_of(policy) and selects(policy["spec"].get("podSelector") or {}, pod.labels)
        ]

    def peers(self, peer: Mapping[str, Any], *, policy: Manifest) -> list[Pod]:
        """Give the pods that a peer of a rule means; none for a block of addresses."""
        return [pod for pod in self.everybody if self._is_peer(peer, pod, home=namespace_of(policy))]

    def _between_pods(self) -> Iterator[Edge]:
        outgoing = {pod.name: self._rules(pod, "Egress") for pod in self.everybody}
        incoming = {pod.name: self._rules(pod, "Ingress") for pod in self.everybody}
        for source, target in product(self.everybody, repeat=2):
            if source in self.others and target in self.others:
                continue
            out = _towards(target, outgoing[source.name])
            into = _towards(source, incoming[target.name])
            for protocol, port in self._ports(target) if out and into else ():
                if all(_covers(rules, target, protocol=protocol, port=port) for rules in (out, into)):
                    yield Edge(source.name, target.name, port, protocol)

    def _over_the_border(self) -> Iterator[Edge]:
        for policy in self.policies:
            for direction, peer, ports in _peers(policy):
                if "ipBlock" not in peer:
                    continue
                block = block_text(peer["ipBlock"])
                for pod, port in product(self.selected(policy), ports or ({},)):
                    incoming = direction == "Ingress"
                    number = _number(port, pod if incoming else None)
                    if number is not None:
                        source, target = (block, pod.name) if incoming else (pod.name, block)
                        yield Edge(source, target, number, port.get("protocol", "TCP"))

    def _ports(self, target: Pod) -> set[tuple[str, int]]:
        """Give the ports worth asking about: those the pod names, those policies name, and any other."""
        found = {("TCP", number) for number in (ANY, *target.ports.values())} | {("UDP", ANY)}
        for port in self._named_ports:
            number = _number(port, target)
            if number is not None:
                found |= {(port.get("protocol", "TCP"), one) for one in (number, port.get("endPort", number))}
        return found if target.hears is None else {one for one in found if one[1] in target.hears}

    @cached_property
    def _named_ports(self) -> list[Mapping[str, Any]]:
        ports = (port for policy in self.policies for _, _, ports in _peers(policy) for port in ports)
        return list({repr(port): port for port in ports}.values())

    def _rules(self, pod: Pod, direction: str) -> "list[_Rule]":
        """Give what a pod's policies let through in one direction: everything, where it has none."""
        about = [one for one in self.policies if direction in directions(one) and pod in self._selected[id(one)]]
        if not about:
            return [_Rule(frozenset(one.name for one in self.everybody), ())]
        return [
            _Rule(frozenset(one.name for one in self.peers(peer, policy=policy)), ports)
            for policy in about
            for towards, peer, ports in _peers(policy)
            if towards == direction
        ]

    @cached_property
    def _selected(self) -> Mapping[int, Sequence[Pod]]:
        return {id(policy): self.selected(policy) for policy in self.policies}

    def _is_peer(self, peer: Mapping[str, Any], pod: Pod, *, home: str) -> bool:
        if not peer:
            return True
        if "ipBlock" in peer:
            return False
        if "namespaceSelector" not in peer:
            there = pod.namespace == home
        else:
            there = selects(peer["namespaceSelector"] or {}, self._labels_of(pod.namespace))
        return there and selects(peer.get("podSelector") or {}, pod.labels)

    def _labels_of(self, namespace: str) -> Labels:
        return {**self.namespaces.get(namespace, {}), "kubernetes.io/metadata.name": namespace}


def directions(policy: Manifest) -> Sequence[str]:
    """Give the directions a policy restricts; where it does not say, in, and out if it has rules for that."""
    spec = policy["spec"]
    return spec.get("policyTypes") or (["Ingress", "Egress"] if spec.get("egress") else ["Ingress"])


def block_text(block: Mapping[str, Any]) -> str:
    """Write a block of addresses as one word: `0.0.0.0/0-10.0.0.0/8`."""
    return "-".join([block["cidr"], *block.get("except", ())])


def _peers(policy: Manifest) -> Iterator[tuple[str, Mapping[str, Any], Sequence[Mapping[str, Any]]]]:
    """Give direction, peer and ports of each rule; a rule without peers has one empty peer, which is everybody."""
    everybody: Sequence[Mapping[str, Any]] = ({},)
    for direction, rules, side in (("Ingress", "ingress", "from"), ("Egress", "egress", "to")):
        if direction in directions(policy):
            for rule in policy["spec"].get(rules) or ():
                for peer in rule.get(side) or everybody:
                    yield direction, peer, rule.get("ports") or ()


def _number(port: Mapping[str, Any], listener: Pod | None) -> int | None:
    """Give the number of a rule's port, looked up by name on the pod that listens; `ANY` for all ports."""
    named = port.get("port", ANY)
    if isinstance(named, int):
        return named
    return None if listener is None else listener.ports.get(named)


def _towards(pod: Pod, rules: "Iterable[_Rule]") -> "list[_Rule]":
    return [rule for rule in rules if pod.name in rule.peers]


def _covers(rules: "Iterable[_Rule]", listener: Pod, *, protocol: str, port: int) -> bool:
    return any(
        not rule.ports or any(_covers_one(one, listener, protocol=protocol, port=port) for one in rule.ports)
        for rule in rules
    )


def _covers_one(wanted: Mapping[str, Any], listener: Pod, *, protocol: str, port: int) -> bool:
    if wanted.get("protocol", "TCP") != protocol:
        return False
    if "port" not in wanted:
        return True
    first = _number(wanted, listener)
    return first is not None and port != ANY and first <= port <= wanted.get("endPort", first)
