"""Node objects: JSON, etcd's protobuf, and what is neither."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.kubelet.node import PREFIX, NodeError, NodeObject, read_node
from harness.sandbox import Pool
from tests.conftest import Call
from tests.kubelet.kit import Stored, through_etcd

HERE = Path(__file__).parent
# one Node, encoded by Kubernetes 1.20's own protobuf serializer and as JSON
ETCD = (HERE / "node.etcd").read_bytes()
JSON = (HERE / "node.json").read_bytes()
EXPECTED = NodeObject(
    name="node-1",
    addresses=(
        ("InternalIP", "172.18.45.3"), ("InternalIP", "2001:db8:1::2"), ("Hostname", "node-1"),
    ),
    provider_id="example://rack-7/node-1",
    kubelet_version="v1.20.2",
)  # fmt: skip


def named(name: str) -> dict[str, Any]:
    node: dict[str, Any] = json.loads(JSON)
    node["metadata"]["name"] = name
    return node


def test_both_forms_say_the_same() -> None:
    for value in (JSON, ETCD):
        text = json.dumps({"kvs": [{"key": "L3g=", "value": base64.b64encode(value).decode()}]})
        assert read_node(value) == read_node(text.encode()) == EXPECTED
    assert read_node(JSON + b"\n\n") == EXPECTED
    assert [str(address) for address in EXPECTED.internal_ips] == ["172.18.45.3", "2001:db8:1::2"]


def test_a_list_and_one_of_it() -> None:
    nodes = json.dumps({"kind": "List", "items": [named("a"), named("b")]}).encode()
    assert read_node(nodes, "b").name == "b"
    for wanted in (None, "c"):
        with pytest.raises(NodeError, match="a, b"):
            read_node(nodes, wanted)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "was expected"),
        (b"\x00\xff\xfe", "was expected"),
        (b"[" * 100_000, "was expected"),
        (b"[]", "a Node object"),
        (b"{}", "metadata.name"),
        (b'{"kind": "Pod", "metadata": {"name": "x"}}', "got 'Pod'"),
        (b'{"kind": "Node", "metadata": []}', "metadata.name"),
        (b'{"kind": "Node", "metadata": {"name": 7}}', "texts"),
        (b'{"kind": "List", "items": 3}', "items"),
        (b'{"kind": "List", "items": []}', "there is none"),
        (b'{"kvs": [{"value": "!"}]}', "etcdctl"),
        (b'{"kvs": [{"value": "AAAA"}]}', "encrypted"),
        (b'{"kvs": 3}', "etcdctl"),
        (PREFIX, "without a kind"),
        (ETCD.replace(b"\x04Node", b"\x04Pods", 1), "Pods"),
        (ETCD[:-1], "cut or broken"),
    ],
)
def test_what_is_no_node(data: bytes, words: str) -> None:
    with pytest.raises(NodeError, match=words):
        read_node(data)


def complaint(data: bytes) -> str:
    try:
        read_node(data)
    except NodeError as error:
        return str(error)
    return ""


@given(st.integers(0, len(ETCD) - 1))
def test_no_cut_value_is_more_than_a_line(length: int) -> None:
    assert "\n" not in complaint(ETCD[:length])


@given(st.binary(max_size=200))
@example(b"\x0b")
@example(b"\xff" * 20)
@example(b"\x0a\xff\xff\xff\xff\x0f")
def test_no_garbage_is_more_than_a_line(data: bytes) -> None:
    for value in (data, PREFIX + data, ETCD[:40] + data + ETCD[40:]):
        assert "\n" not in complaint(value)


@pytest.mark.parametrize("value", [ETCD, JSON], ids=["protobuf", "json"])
def test_written_and_read_by_a_real_etcd(
    pool: Pool, tmp_path: Path, value: bytes, needs: Callable[..., str], call: Call
) -> None:
    server, client = needs("etcd", "etcd-server"), needs("etcdctl", "etcd-client")
    (found,) = pool.run(through_etcd, Stored(value, tmp_path, server, client))
    assert found["value"] == value + b"\n"
    assert read_node(found["value"]) == EXPECTED
    assert read_node(found["json"]) == EXPECTED
    (tmp_path / "node").write_bytes(found["value"])
    done = call("kubelet", "--scenario", "kubelet-look-up", "--node", tmp_path / "node")
    assert done.status == 1, done.err  # the record has an IPv6 address too
    assert "the Node object has 172.18.45.3, 2001:db8:1::2: differs" in done.out
    assert "providerID (example://rack-7/node-1)" in done.out
    assert "kubelet 1.20" in done.out
