"""What NetworkPolicies allow, evaluated by their definition: https://kubernetes.io/docs/concepts/services-networking/network-policies/

A connection must be allowed twice: by the policies for what leaves the one pod, and by the policies for
what enters the other. Policies that select a pod for a direction allow what one of them allows; where none
selects it, all is allowed.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Policy = Mapping[str, Any]


@dataclass(frozen=True)
class Pod:
    """A pod, as policies see it."""

    namespace: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Address:
    """What is no pod of the cluster."""

    ip: str


def connects(
    policies: Sequence[Policy], source: Pod, target: Pod | Address, port: int, protocol: str
) -> bool:
    """Return whether a pod may open a connection to a pod or an address."""
    leaves = _allowed(_selecting(policies, source, "Egress"), "egress", "to", target, port, protocol)
    if not leaves or isinstance(target, Address):
        return leaves
    return _allowed(_selecting(policies, target, "Ingress"), "ingress", "from", source, port, protocol)


def _selecting(policies: Iterable[Policy], pod: Pod, direction: str) -> list[Policy]:
    return [
        policy
        for policy in policies
        if policy["metadata"]["namespace"] == pod.namespace
        and direction in policy["spec"]["policyTypes"]
        and _selects(policy["spec"]["podSelector"], pod.labels)
    ]


def _allowed(
    policies: Sequence[Policy], rules: str, peers: str, other: Pod | Address, port: int, protocol: str
) -> bool:
    if not policies:
        return True
    return any(
        (not rule.get(peers) or any(_is(peer, other, policy) for peer in rule[peers]))
        and (not rule.get("ports") or {"port": port, "protocol": protocol} in rule["ports"])
        for policy in policies
        for rule in policy["spec"].get(rules, [])
    )


def _is(peer: Mapping[str, Any], other: Pod | Address, policy: Policy) -> bool:
    if isinstance(other, Address):
        block = peer.get("ipBlock")
        return (
            block is not None
            and _within(other.ip, block["cidr"])
            and not any(_within(other.ip, part) for part in block.get("except", []))
        )
    if "ipBlock" in peer:  # how a block of addresses applies to pods is not defined
        return False
    if "namespaceSelector" in peer:
        inside = _selects(peer["namespaceSelector"], {"kubernetes.io/metadata.name": other.namespace})
    else:
        inside = other.namespace == policy["metadata"]["namespace"]
    return inside and _selects(peer.get("podSelector", {}), other.labels)


def _within(ip: str, network: str) -> bool:
    return ipaddress.ip_address(ip) in ipaddress.ip_network(network)


def _selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    for expression in selector.get("matchExpressions", []):
        assert expression["operator"] == "In", "the other operators are not written here: nothing uses them"
        if labels.get(expression["key"]) not in expression["values"]:
            return False
    return bool(selector.get("matchLabels", {}).items() <= labels.items())
