"""A Node object: as kubectl prints it, and as etcd stores it.

etcd's value is ``k8s`` and a NUL, then k8s.io/apimachinery's runtime.Unknown in protobuf, whose
field 2 is the Node. Of it only a few fields are read. Source: the field numbers in
k8s.io/apimachinery pkg/runtime/generated.proto and k8s.io/api core/v1/generated.proto, and
protobuf's wire format.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from harness.kubelet.net import parse_ip
from harness.model.host import IPAddress

PREFIX = b"k8s\x00"
PROVIDED = "alpha.kubernetes.io/provided-node-ip"
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class NodeError(ValueError):
    """A Node that cannot be read; one line."""

    exit_status = 2


@dataclass(frozen=True, slots=True)
class NodeObject:
    """What a Node object says of its addresses.

    ``addresses`` are (type, address) in order; ``provided`` is the annotation that holds the
    --node-ip given to a cloud provider.
    """

    name: str
    addresses: tuple[tuple[str, str], ...]
    provider_id: str = ""
    kubelet_version: str = ""
    provided: str = ""

    @property
    def internal_ips(self) -> tuple[IPAddress, ...]:
        """The addresses of type InternalIP, in order."""
        found = (parse_ip(address) for kind, address in self.addresses if kind == "InternalIP")
        return tuple(address for address in found if address is not None)

    @property
    def hostname(self) -> str:
        """The address of type Hostname, or the node's name."""
        return next((a for kind, a in self.addresses if kind == "Hostname"), self.name)


def read_node(data: bytes, name: str | None = None) -> NodeObject:
    """Read a Node from JSON, from the value etcd stores, or from etcdctl's JSON around it.

    Parameters: ``name`` picks a node of a list. Raises NodeError.
    """
    if data.startswith(PREFIX):
        try:
            found = _from_etcd(data)
        except NodeError:
            if not data.endswith(b"\n"):
                raise
            # the end of line that ``etcdctl --print-value-only`` puts after it
            found = _from_etcd(data[:-1])
        return _one([found], name)
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise NodeError(
            "a Node as JSON (kubectl get node NAME -o json) or the value etcd stores was expected"
        ) from None
    if not isinstance(document, dict):
        raise NodeError("a Node object was expected")
    if "kvs" in document:
        return _one([_from_etcd(value) for value in _values(document)], name)
    items = document.get("items") if document.get("kind") in ("List", "NodeList") else [document]
    if not isinstance(items, list):
        raise NodeError("items: a list of Node objects was expected")
    return _one([_from_json(item) for item in items], name)


def _one(nodes: list[NodeObject], name: str | None) -> NodeObject:
    chosen = [node for node in nodes if name is None or node.name == name]
    if len(chosen) == 1:
        return chosen[0]
    known = ", ".join(node.name for node in nodes) or "none"
    wanted = "one node" if name is None else f"the node {name}"
    raise NodeError(f"{wanted} was expected, there is {known}; --node-name picks one")


def _values(document: dict[str, Any]) -> list[bytes]:
    """The values of ``etcdctl get -w json``."""
    try:
        return [base64.b64decode(entry["value"], validate=True) for entry in document["kvs"]]
    except (TypeError, KeyError, binascii.Error):
        raise NodeError("kvs: what etcdctl get -w json prints was expected") from None


def _from_json(item: Any) -> NodeObject:
    try:
        if item.get("kind", "Node") != "Node":
            raise NodeError(f"kind: Node was expected, got {item['kind']!r}")
        status = item.get("status") or {}
        node = NodeObject(
            name=item["metadata"]["name"],
            addresses=tuple(
                (entry["type"], entry["address"]) for entry in status.get("addresses") or ()
            ),
            provider_id=(item.get("spec") or {}).get("providerID", ""),
            kubelet_version=(status.get("nodeInfo") or {}).get("kubeletVersion", ""),
            provided=(item["metadata"].get("annotations") or {}).get(PROVIDED, ""),
        )
    except (AttributeError, KeyError, TypeError):
        raise NodeError(
            "a Node with metadata.name and status.addresses (type, address) was expected"
        ) from None
    texts = [node.name, node.provider_id, node.kubelet_version, node.provided]
    texts += [text for pair in node.addresses for text in pair]
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
    return NodeObject(
        name=_text(_at(node, 1, 1)),
        addresses=tuple(_pairs(_at(node, 3), 5)),
        provider_id=_text(_at(node, 2, 3)),
        kubelet_version=_text(_at(node, 3, 7, 7)),
        provided=dict(_pairs(_at(node, 1), 12)).get(PROVIDED, ""),
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


def _pairs(message: bytes, field: int) -> Iterator[tuple[str, str]]:
    """The first two texts of every message of a field: an address, an annotation."""
    for entry in _all(message, field):
        yield _text(_at(entry, 1)), _text(_at(entry, 2))


def _all(message: bytes, field: int) -> Iterator[bytes]:
    """Every field of bytes with a number, in order. Raises NodeError for broken protobuf."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        if kind == _VARINT:
            _, at = _varint(message, at)
            continue
        if kind == _BYTES:
            length, at = _varint(message, at)
        elif kind in (_FIXED64, _FIXED32):
            length = 8 if kind == _FIXED64 else 4
        else:
            raise _broken()
        if at + length > len(message):
            raise _broken()
        if kind == _BYTES and key >> 3 == field:
            yield message[at : at + length]
        at += length


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            break
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return value, at
    raise _broken()


def _broken() -> NodeError:
    return NodeError(
        "protobuf as the API server stores it was expected; the value is cut or broken"
    )
