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

from harness.kubelet.addresses import parse_ip
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
        return _one([_printed(data)], name)
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


def _printed(value: bytes) -> NodeObject:
    """etcd's value, with the end of line that ``etcdctl --print-value-only`` puts after it."""
    try:
        return _from_etcd(value)
    except NodeError:
        if not value.endswith(b"\n"):
            raise
    return _from_etcd(value[:-1])


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


# the path of field numbers to each thing that is wanted
_METADATA, _SPEC, _STATUS = 1, 2, 3
_META_NAME, _META_ANNOTATIONS = 1, 12
_SPEC_PROVIDER_ID = 3
_STATUS_ADDRESSES, _STATUS_NODE_INFO = 5, 7
_INFO_KUBELET_VERSION = 7
_UNKNOWN_TYPE, _UNKNOWN_RAW = 1, 2


def _from_etcd(value: bytes) -> NodeObject:
    if not value.startswith(PREFIX):
        if value.lstrip().startswith(b"{"):
            return read_node(value)  # an API server told to store JSON
        raise NodeError("a value that begins with k8s and a NUL was expected (encrypted at rest?)")
    unknown = value[len(PREFIX) :]
    kind = _text(_only(_only(unknown, _UNKNOWN_TYPE), 2))
    if kind != "Node":
        raise NodeError(f"a Node was expected, the value holds a {kind or 'thing without a kind'}")
    node = _only(unknown, _UNKNOWN_RAW)
    metadata, spec, status = (_only(node, field) for field in (_METADATA, _SPEC, _STATUS))
    annotations = {
        _text(_only(entry, 1)): _text(_only(entry, 2))
        for entry in _all(metadata, _META_ANNOTATIONS)
    }
    return NodeObject(
        name=_text(_only(metadata, _META_NAME)),
        addresses=tuple(
            (_text(_only(entry, 1)), _text(_only(entry, 2)))
            for entry in _all(status, _STATUS_ADDRESSES)
        ),
        provider_id=_text(_only(spec, _SPEC_PROVIDER_ID)),
        kubelet_version=_text(_only(_only(status, _STATUS_NODE_INFO), _INFO_KUBELET_VERSION)),
        provided=annotations.get(PROVIDED, ""),
    )


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise _broken() from None


def _only(message: bytes, field: int) -> bytes:
    """A field of bytes; empty where it is missing, the last where it is repeated."""
    found = b""
    for found in _all(message, field):  # noqa: B007 - the last one is wanted
        pass
    return found


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
