"""A Node object: as kubectl prints it, and as etcd stores it.

etcd's value is ``k8s`` and a NUL, then k8s.io/apimachinery's runtime.Unknown in protobuf, whose
field 2 is the Node. Of it only a few fields are read. Source: the field numbers in
k8s.io/apimachinery pkg/runtime/generated.proto and k8s.io/api core/v1/generated.proto, and
protobuf's wire format.
"""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

from harness.kubelet.net import parse_ip
from harness.model.host import IPAddress

PREFIX = b"k8s\x00"
_VARINT, _BYTES = 0, 2
_LENGTHS = {1: 8, 5: 4}  # of the kinds with a fixed one


class NodeError(ValueError):
    """A Node that cannot be read; one line."""

    exit_status = 2


@dataclass(frozen=True, slots=True)
class NodeObject:
    """What a Node object says of its ``addresses``, which are (type, address) in order."""

    name: str
    addresses: tuple[tuple[str, str], ...]
    provider_id: str = ""
    kubelet_version: str = ""

    @property
    def internal_ips(self) -> tuple[IPAddress, ...]:
        """The addresses of type InternalIP, in order."""
        found = (parse_ip(address) for kind, address in self.addresses if kind == "InternalIP")
        return tuple(address for address in found if address is not None)


def read_node(data: bytes, name: str | None = None) -> NodeObject:
    """Read a Node from JSON, from the value etcd stores, or from etcdctl's JSON around it.

    Parameters: ``name`` picks a node of a list. Raises NodeError.
    """
    if data.startswith(PREFIX):
        try:
            return _one([_from_etcd(data)], name)
        except NodeError:
            if not data.endswith(b"\n"):
                raise
            # the end of line that ``etcdctl --print-value-only`` puts after it
            return _one([_from_etcd(data[:-1])], name)
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise NodeError(
            "a Node as JSON (kubectl get node NAME -o json) or the value etcd stores was expected"
        ) from None
    if not isinstance(document, dict):
        raise NodeError("a Node object was expected")
    if "kvs" in document:
        try:
            values = [base64.b64decode(entry["value"], validate=True) for entry in document["kvs"]]
        except (TypeError, KeyError, ValueError):
            raise NodeError("kvs: what etcdctl get -w json prints was expected") from None
        return _one(list(map(_from_etcd, values)), name)
    items = document.get("items") if document.get("kind") in ("List", "NodeList") else [document]
    if not isinstance(items, list):
        raise NodeError("items: a list of Node objects was expected")
    return _one(list(map(_from_json, items)), name)


def _one(nodes: list[NodeObject], name: str | None) -> NodeObject:
    chosen = [node for node in nodes if name is None or node.name == name]
    if len(chosen) == 1:
        return chosen[0]
    known = ", ".join(node.name for node in nodes) or "none"
    wanted = "one node" if name is None else f"the node {name}"
    raise NodeError(f"{wanted} was expected, there is {known}; --node-name picks one")


def _from_json(item: Any) -> NodeObject:
    try:
        if item.get("kind", "Node") != "Node":
            raise NodeError(f"kind: Node was expected, got {item['kind']!r}")
        status = item.get("status") or {}
        node = NodeObject(
            item["metadata"]["name"],
            tuple((entry["type"], entry["address"]) for entry in status.get("addresses") or ()),
            (item.get("spec") or {}).get("providerID", ""),
            (status.get("nodeInfo") or {}).get("kubeletVersion", ""),
        )
    except (AttributeError, KeyError, TypeError):
        raise NodeError(
            "a Node with metadata.name and status.addresses (type, address) was expected"
        ) from None
    texts = (node.name, node.provider_id, node.kubelet_version, *chain(*node.addresses))
    if not all(isinstance(text, str) for text in texts):
        raise NodeError("a Node whose names and addresses are texts was expected")
    return node


def _from_etcd(value: bytes) -> NodeObject:
    if not value.startswith(PREFIX):
        if value.lstrip().startswith(b"{"):
            return read_node(value)  # an API server told to store JSON
        raise NodeError("a value that begins with k8s and a NUL was expected (encrypted at rest?)")
    unknown = value[len(PREFIX) :]
    kind = _text(_at(unknown, 1, 2))
    if kind != "Node":
        raise NodeError(f"a Node was expected, the value holds a {kind or 'thing without a kind'}")
    # runtime.Unknown's raw; of it 1 is the metadata, 2 the spec, 3 the status
    node = _at(unknown, 2)
    addresses = ((_text(_at(one, 1)), _text(_at(one, 2))) for one in _all(_at(node, 3), 5))
    return NodeObject(
        _text(_at(node, 1, 1)),
        tuple(addresses),
        _text(_at(node, 2, 3)),
        _text(_at(node, 3, 7, 7)),
    )


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise _broken() from None


def _at(message: bytes, *path: int) -> bytes:
    """The field of bytes at a path of numbers; empty where missing, the last where repeated."""
    for field in path:
        message = [b"", *_all(message, field)][-1]
    return message


def _all(message: bytes, field: int) -> Iterator[bytes]:
    """Every field of bytes with a number, in order. Raises NodeError for broken protobuf."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        if kind in _LENGTHS:
            length = _LENGTHS[kind]
        elif kind in (_VARINT, _BYTES):
            value, at = _varint(message, at)
            length = value if kind == _BYTES else 0
        else:
            raise _broken()
        if at + length > len(message):
            raise _broken()
        if kind == _BYTES and key >> 3 == field:
            yield message[at : at + length]
        at += length


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place, byte in enumerate(message[at : at + 10]):
        value |= (byte & 0x7F) << 7 * place
        if not byte & 0x80:
            return value, at + place + 1
    raise _broken()


def _broken() -> NodeError:
    return NodeError(
        "protobuf as the API server stores it was expected; the value is cut or broken"
    )
