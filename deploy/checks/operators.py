"""What operators make of custom resources, as far as policies see it: pods, their labels and ports, and policies.

CloudNativePG makes instances, jobs and poolers; Strimzi makes Kafka's pods, an entity operator, and a NetworkPolicy
that adds to ours: a listener that does not name its peers is open to everybody. Not in this room: what the resources
say otherwise.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from deploy.checks.network import Pod
from deploy.checks.rendering import Manifest, namespace_of, of_kind

POSTGRES: Final = "postgresql.cnpg.io"
STRIMZI: Final = "kafka.strimzi.io"
_KAFKA_PORTS: Final = {"tcp-ctrlplane": 9090, "tcp-replication": 9091, "tcp-agent": 8443, "tcp-prometheus": 9404}


def operated_pods(everything: Sequence[Manifest]) -> list[Pod]:
    """Give the pods that operators make of an overlay's custom resources, one for each kind of pod."""
    made = (*_instances(everything), *_poolers(everything), *_brokers(everything))
    return [replace(pod, hears=frozenset(pod.ports.values())) for pod in made]


def operated_policies(everything: Iterable[Manifest]) -> list[Manifest]:
    """Give the policies that Strimzi adds for each Kafka cluster."""
    return [_kafka_policy(kafka) for kafka in _of_group(everything, STRIMZI, "Kafka")]


def _of_group(everything: Iterable[Manifest], group: str, *kinds: str) -> Iterator[Manifest]:
    return (one for one in of_kind(everything, *kinds) if one["apiVersion"].startswith(f"{group}/"))


def _instances(everything: Iterable[Manifest]) -> Iterator[Pod]:
    for cluster in _of_group(everything, POSTGRES, "Cluster"):
        name, namespace = cluster["metadata"]["name"], namespace_of(cluster)
        inherited = cluster["spec"].get("inheritedMetadata", {}).get("labels", {})
        common = {
            **inherited,
            "cnpg.io/cluster": name,
            "app.kubernetes.io/name": "postgresql",
            "app.kubernetes.io/instance": name,
            "app.kubernetes.io/component": "database",
            "app.kubernetes.io/managed-by": "cloudnative-pg",
        }
        ports = {"postgresql": 5432, "metrics": 9187, "status": 8000}
        labels = {**common, "cnpg.io/podRole": "instance"}
        yield Pod(name=name, namespace=namespace, labels=labels, ports=ports)
        # A new instance is laid out by a job, which has no role of a pod.
        yield Pod(name=f"{name} join", namespace=namespace, labels={**common, "cnpg.io/jobRole": "join"})


def _poolers(everything: Iterable[Manifest]) -> Iterator[Pod]:
    for pooler in _of_group(everything, POSTGRES, "Pooler"):
        cluster = pooler["spec"]["cluster"]["name"]
        labels = {
            **pooler["spec"].get("template", {}).get("metadata", {}).get("labels", {}),
            "cnpg.io/cluster": cluster,
            "cnpg.io/poolerName": pooler["metadata"]["name"],
            "cnpg.io/podRole": "pooler",
            "app.kubernetes.io/name": "postgresql",
            "app.kubernetes.io/instance": cluster,
            "app.kubernetes.io/component": "pooler",
            "app.kubernetes.io/managed-by": "cloudnative-pg",
        }
        ports = {"pgbouncer": 5432, "metrics": 9127}
        yield Pod(name=pooler["metadata"]["name"], namespace=namespace_of(pooler), labels=labels, ports=ports)


def _brokers(everything: Iterable[Manifest]) -> Iterator[Pod]:
    for kafka in _of_group(everything, STRIMZI, "Kafka"):
        cluster, namespace = kafka["metadata"]["name"], namespace_of(kafka)
        template = kafka["spec"]["kafka"].get("template", {}).get("pod", {}).get("metadata", {}).get("labels", {})
        pools = [
            pool["metadata"]["name"]
            for pool in _of_group(everything, STRIMZI, "KafkaNodePool")
            if pool["metadata"].get("labels", {}).get("strimzi.io/cluster") == cluster
        ]
        listeners = {f"tcp-{one['name']}": int(one["port"]) for one in kafka["spec"]["kafka"]["listeners"]}
        for pool in pools:
            labels = {**template, **_strimzi_labels(cluster, "kafka"), "strimzi.io/pool-name": pool}
            name = f"{cluster}-{pool}"
            yield Pod(name=name, namespace=namespace, labels=labels, ports={**_KAFKA_PORTS, **listeners})
        if "entityOperator" in kafka["spec"]:
            labels = _strimzi_labels(cluster, "entity-operator")
            yield Pod(
                name=f"{cluster}-entity-operator", namespace=namespace, labels=labels, ports={"healthcheck": 8080}
            )


def _strimzi_labels(cluster: str, component: str) -> dict[str, str]:
    return {
        "strimzi.io/cluster": cluster,
        "strimzi.io/kind": "Kafka",
        "strimzi.io/name": f"{cluster}-{component}",
        "app.kubernetes.io/name": component,
        "app.kubernetes.io/instance": cluster,
        "app.kubernetes.io/part-of": f"strimzi-{cluster}",
        "app.kubernetes.io/managed-by": "strimzi-cluster-operator",
    }


def _kafka_policy(kafka: Manifest) -> Manifest:
    cluster, spec = kafka["metadata"]["name"], kafka["spec"]["kafka"]
    operator = {"namespaceSelector": {}, "podSelector": {"matchLabels": {"strimzi.io/kind": "cluster-operator"}}}
    brokers, entities = (
        {"podSelector": {"matchLabels": {"strimzi.io/name": f"{cluster}-{component}"}}}
        for component in ("kafka", "entity-operator")
    )
    rules = [
        _rule(9090, [brokers, operator]),
        _rule(9091, [operator, brokers, entities]),
        _rule(8443, [operator]),
        *(_rule(one["port"], one.get("networkPolicyPeers") or []) for one in spec["listeners"]),
        *([_rule(9404, [])] if "metricsConfig" in spec else []),
    ]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": f"{cluster}-network-policy-kafka", "namespace": namespace_of(kafka)},
        "spec": {
            "podSelector": {"matchLabels": {"strimzi.io/name": f"{cluster}-kafka"}},
            "policyTypes": ["Ingress"],
            "ingress": rules,
        },
    }


def _rule(port: int, peers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"ports": [{"port": port, "protocol": "TCP"}], **({"from": list(peers)} if peers else {})}
