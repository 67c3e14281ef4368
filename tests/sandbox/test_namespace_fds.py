"""A sandbox that stands: speaking with its job, and entering it from outside."""

from __future__ import annotations

import os
import socket
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.sandbox import Pool, SandboxError
from harness.sandbox.wire import NamespaceFds
from harness.scenario.schema import Host
from tests.sandbox import jobs
from tests.sandbox.network import ipv4_addresses

HOST = Host.model_validate({"interfaces": {"eth0": {"addresses": ["10.0.0.1/24"]}}})
ETC = Path("/etc")


def inside(namespaces: NamespaceFds, function: Callable[[], str]) -> str:
    """What ``function`` returns in a child of this process that entered the namespaces."""
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(out)
        try:
            namespaces.enter()
            if os.fork() == 0:
                os.write(into, function().encode())
            else:
                os.wait()
        except BaseException:
            os.write(into, traceback.format_exc().encode())
        finally:
            os._exit(0)
    os.close(into)
    with os.fdopen(out) as stream:
        said = stream.read()
    os.waitpid(child, 0)
    return said


def test_a_job_answers_what_it_hears(pool: Pool) -> None:
    with pool.converse(jobs.echo, "spec") as conversation:
        assert conversation.receive() == "spec"
        for word in ("one", {"two": 2}):
            conversation.send(word)
            assert conversation.receive() == word
        conversation.send("stop")
        with pytest.raises(SandboxError, match="the job in the sandbox has ended"):
            conversation.receive()


def test_a_conversation_tells_of_a_failure(pool: Pool) -> None:
    with pool.converse(jobs.failing, None) as conversation:
        assert conversation.receive() == 1
        with pytest.raises(SandboxError, match="LookupError: nobody foresaw this"):
            conversation.receive()


@pytest.mark.bare
def test_who_enters_is_in_the_sandbox_as_its_root(pool: Pool) -> None:
    local = "here"

    def seen() -> str:
        return " ".join([local, f"{os.getuid()}", socket.gethostname(), *ipv4_addresses()])

    with pool.converse(jobs.standing, HOST) as conversation:
        conversation.receive()
        with conversation.namespaces() as namespaces:
            said = inside(namespaces, seen)
    assert said.split()[:3] == ["here", "0", "sandbox"]
    assert "10.0.0.1/24" in said


def test_closing_ends_who_entered(pool: Pool) -> None:
    with pool.converse(jobs.standing, HOST) as conversation:
        conversation.receive()
        with conversation.namespaces() as namespaces:
            never, held = os.pipe()
            reading, writing = os.pipe()
            child = os.fork()
            if child == 0:
                namespaces.enter()
                if os.fork() == 0:
                    os.write(writing, b"in")
                    os.read(never, 1)  # for ever
                os._exit(0)
            os.close(writing)
            assert os.read(reading, 2) == b"in"
            os.waitpid(child, 0)
    assert os.read(reading, 1) == b""  # the last holder of the other end is gone
    for descriptor in (reading, never, held):
        os.close(descriptor)


def test_the_machines_etc_is_there_and_cannot_be_written(pool: Pool) -> None:
    def seen() -> str:
        users, conf, hosts = (ETC / name for name in ("passwd", "gai.conf", "hosts"))
        writable = os.access(users, os.W_OK)
        return f"{bool(users.read_text())} {writable} {os.path.lexists(conf)}{hosts.read_text()}"

    with pool.converse(jobs.standing, HOST) as conversation:
        assert conversation.receive() is True
        with conversation.namespaces() as namespaces:
            assert inside(namespaces, seen) == "True False False"
