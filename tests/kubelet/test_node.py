"""Node objects: JSON, etcd's protobuf, and what is neither."""

import base64
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.kubelet.node import PREFIX, NodeError, NodeObject, read_node
from harness.sandbox import Box, Pool
from harness.scenario.schema import Host
from tests.conftest import Call
from tests.processes import Program, until

HERE = Path(__file__).parent
# one Node, encoded by Kubernetes 1.20's own protobuf serializer; as JSON what matters of it
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


def test_both_forms_say_the_same() -> None:
    for value in (JSON, ETCD):
        text = json.dumps({"kvs": [{"key": "L3g=", "value": base64.b64encode(value).decode()}]})
        assert read_node(value) == read_node(text.encode()) == EXPECTED
    assert read_node(JSON + b"\n\n") == EXPECTED
    assert [str(address) for address in EXPECTED.internal_ips] == ["172.18.45.3", "2001:db8:1::2"]


def test_a_list_and_one_of_it() -> None:
    items = [json.loads(JSON) | {"metadata": {"name": name}} for name in "ab"]
    nodes = json.dumps({"kind": "List", "items": items}).encode()
    assert read_node(nodes, "b").name == "b"
    for wanted in (None, "c"):
        with pytest.raises(NodeError, match="a, b"):
            read_node(nodes, wanted)


@pytest.mark.parametrize(("data", "words"), [
    (b"", "was expected"), (b"\x00\xff\xfe", "was expected"),
    (b"[" * 100_000, "was expected"),
    (b"[]", "a Node object"), (b"{}", "metadata.name"),
    (b'{"kind": "Pod", "metadata": {"name": "x"}}', "got 'Pod'"),
    (b'{"kind": "Node", "metadata": []}', "metadata.name"),
    (b'{"kind": "Node", "metadata": {"name": 7}}', "texts"),
    (b'{"kind": "List", "items": 3}', "items"),
    (b'{"kind": "List", "items": []}', "there is none"),
    (b'{"kvs": [{"value": "!"}]}', "etcdctl"),
    (b'{"kvs": [{"value": "AAAA"}]}', "encrypted"),
    (b'{"kvs": [{"value": "\\u00e9"}]}', "etcdctl"),
    (b'{"kvs": 3}', "etcdctl"), (PREFIX, "without a kind"),
    (ETCD.replace(b"\x04Node", b"\x04Pods", 1), "Pods"),
    (ETCD[:-1], "cut or broken"),
])  # fmt: skip
def test_what_is_no_node(data: bytes, words: str) -> None:
    with pytest.raises(NodeError, match=words):
        read_node(data)


@given(st.integers(0, len(ETCD) - 1), st.binary(max_size=200))
@example(0, b"\x0b")
@example(1, b"\xff" * 20)
@example(40, b"\x0a\xff\xff\xff\xff\x0f")
def test_nothing_cut_and_no_garbage_is_more_than_a_line(length: int, data: bytes) -> None:
    for value in (ETCD[:length], data, PREFIX + data, ETCD[:40] + data + ETCD[40:]):
        said = ""
        try:
            read_node(value)
        except NodeError as error:
            said = str(error)
        assert "\n" not in said


def through_etcd(box: Box, stored: tuple[bytes, Path, str, str]) -> Iterator[tuple[bytes, bytes]]:
    """Inside a sandbox: write a value to a real etcd on its loopback; it and its JSON, as read."""
    value, folder, server, client = stored
    box.build(Host())
    box.set_names({"localhost": ["127.0.0.1"]}, "files")
    environment = {"ETCD_UNSUPPORTED_ARCH": os.uname().machine, "ETCDCTL_API": "3"}
    key = "/registry/minions/node-1"

    def etcdctl(*arguments: str, value: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [client, *arguments], input=value, env={**os.environ, **environment},
            capture_output=True, check=False, timeout=300,
        )  # fmt: skip

    with Program(server, "--data-dir", folder, env=environment, stdout=subprocess.DEVNULL):
        assert until(lambda: etcdctl("endpoint", "health").returncode == 0)
        assert etcdctl("put", key, value=value).returncode == 0
        found = [etcdctl("get", key, *form) for form in (["--print-value-only"], ["-w", "json"])]
        yield found[0].stdout, found[1].stdout


@pytest.mark.parametrize("value", [ETCD, JSON], ids=["protobuf", "json"])
def test_written_and_read_by_a_real_etcd(
    tmp_path: Path, value: bytes, needs: Callable[..., str], call: Call, pool: Pool
) -> None:
    server, client = needs("etcd", "etcd-server"), needs("etcdctl", "etcd-client")
    [(found, as_json)] = pool.run(through_etcd, (value, tmp_path / "data", server, client))
    assert found == value + b"\n"
    assert read_node(found) == read_node(as_json) == EXPECTED
    (tmp_path / "node").write_bytes(found)
    done = call("kubelet", "--scenario", "kubelet-look-up", "--node", tmp_path / "node")
    assert done.status == 1, done.err  # the record has an IPv6 address too
    assert "the Node object has 172.18.45.3, 2001:db8:1::2: differs" in done.out
    assert "providerID (example://rack-7/node-1)" in done.out
    assert "kubelet 1.20" in done.out
