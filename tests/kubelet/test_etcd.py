"""A Node's value as a real etcd server gives it back."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.kubelet.node import read_node
from harness.sandbox import Pool
from tests.kubelet.kit import Stored, through_etcd
from tests.kubelet.test_node import ETCD, EXPECTED, JSON


@pytest.mark.parametrize("value", [ETCD, JSON], ids=["protobuf", "json"])
def test_written_and_read(
    pool: Pool, tmp_path: Path, value: bytes, needs: Callable[..., str]
) -> None:
    server, client = needs("etcd", "etcd-server"), needs("etcdctl", "etcd-client")
    (found,) = pool.run(through_etcd, Stored(value, tmp_path, server, client))
    assert found["value"] == value + b"\n"
    assert read_node(found["value"]) == EXPECTED
    assert read_node(found["json"]) == EXPECTED
    # and through the command, by pipe
    done = subprocess.run(
        [
            sys.executable, "-P", "-m", "harness", "kubelet", "--scenario", "kubelet-look-up",
            "--node", "-",
        ],
        input=found["value"], capture_output=True, check=False,
    )  # fmt: skip
    text = done.stdout.decode()
    assert done.returncode == 1, done.stderr  # the record has an IPv6 address too
    assert "the Node object has 172.18.45.3, 2001:db8:1::2: differs" in text
    assert "providerID (example://rack-7/node-1)" in text
    assert "kubelet 1.20" in text
