"""Every kind of bad scenario file gives one line that names file, field and what was expected."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.scenario import ScenarioError, load
from tests.scenario.kit import refusal

HOST = "host: {interfaces: {eth0: {addresses: [192.0.2.2/24, '2001:db8:1::2/64']}}}\n"
LOOKUPS = "lookups: [{name: web}]\n"


def _in(template: str) -> Callable[[str], str]:
    return lambda rest: template.replace("@", rest)


_eth0 = _in(f"name: x\nhost:\n  interfaces:\n    eth0: @\n{LOOKUPS}")
_address = _in(_eth0("{addresses: [@]}"))
_route = _in(f"name: x\n{HOST[:-2]}, routes: [@]}}\n{LOOKUPS}")
_host = _in(f"name: x\nhost: {{@}}\n{LOOKUPS}")
_sysctl = _in(_host("sysctls: {@}"))
_names = _in(f"name: x\n{HOST}names: {{@}}\n{LOOKUPS}")
_lookup = _in(f"name: x\n{HOST}lookups:\n  - {{@}}\n")
_expect = _in(_lookup("name: web, expect: {@}"))
_gai = _in(f"name: x\n{HOST}gai_conf: @\n{LOOKUPS}")

# (the file, the field named, a part of what was expected)
# fmt: off
BAD: list[tuple[str | bytes, str, str]] = [
    ("", "document", "a mapping with name, host and lookups (got an empty file)"),
    ("# nothing\n", "document", "a mapping"),
    ("~\n", "document", "a mapping"),
    ("- a\n- b\n", "document", "a mapping"),
    ("hello\n", "document", "a mapping"),
    (f"name: x\n{HOST}{LOOKUPS}---\nname: y\n", "document", "one document"),
    (b"name: \xff\n", "file", "UTF-8 text (got byte 0xff)"),
    ("name: x\n".encode("utf-16"), "file", "UTF-8 text"),
    ("name: a\x01b\n", "document", "without control characters"),
    ("name: x\nhost:\n\tinterfaces: {}\n", "document", "spaces for indentation"),
    ("name: [x\n", "document", "valid YAML"),
    ("name: !!python/object:os.system x\n", "name", "no YAML tags"),
    ("#" * (1 << 20) + "\n", "file", "at most 1048576 bytes"),
    ("name: " + "[" * 200 + "]" * 200, "document", "levels of nesting"),
    ("name: &a [*a]\n", "name[0]", "an alias of an earlier anchor"),
    ("name: *a\n", "name", "an alias of an earlier anchor"),
    (f"name: x\nname: y\n{HOST}{LOOKUPS}", "name", "each key once"),
    ("[a, b]: c\n", "document", "a word as key"),
    (_route("{to: 10.0.0.0/8, dev: eth0, on-link: yes}"), "host.routes[0].on-link", "true, false"),
    (_names("no: [192.0.2.1]"), "names", "quotes around a word"),
    (_lookup("name: web, service: 0777"), "lookups[0].service", "quotes around"),
    (_lookup("name: web, protocol: 1e3"), "lookups[0].protocol", "quotes around"),
    (_names("web: [1:2:3:4:5:6:7:8]"), "names.web[0]", "quotes around"),
    (_names("web: [::1]"), "document", "beginning or ending with ':' needs quotes"),
    (f"name: x\n{HOST}names:\n  web:\n    - 2001:db8::\n{LOOKUPS}",
     "names.web[0]", "begins or ends with ':' needs quotes"),
    ("<<: {name: x}\n", "document", "quotes around"),
    (f"{HOST}{LOOKUPS}", "name", "this required field"),
    (f"name: x\n{LOOKUPS}", "host", "this required field"),
    (f"name: x\n{HOST}", "lookups", "this required field"),
    (f"name: x\n{HOST}lookups: []\n", "lookups", "at least 1 entry"),
    (f"name: a/b\n{HOST}{LOOKUPS}", "name", "text that matches"),
    (f"name: 7\n{HOST}{LOOKUPS}", "name", "text in quotes (got 7)"),
    (f"name: x\ncommand: reboot\n{HOST}{LOOKUPS}", "command", "one of the keys"),
    (_eth0("{adresses: []}"), "host.interfaces.eth0.adresses", "perhaps 'addresses'"),
    (f"name: x\nhost: []\n{LOOKUPS}", "host", "a mapping (got an empty list)"),
    (_eth0("{kind: wifi}"), "host.interfaces.eth0.kind", "'ethernet'"),
    (_host("interfaces: {lo: {addresses: [127.0.0.1/8]}}"),
     "interfaces.lo.addresses[0]", "another address than lo has"),
    (_host("interfaces: {lo: {kind: sit}}"), "host.interfaces.lo", "addresses only"),
    (_host("rules: [{priority: 1, table: 5}]"), "host.rules[0]", "one family"),
    (_host("rules: [{priority: 1, family: inet}]"), "host.rules[0]", "one of table, goto"),
    (_host("rules: [{priority: 9, family: inet, goto: 3}]"),
     "host.rules[0].goto", "above the rule's own"),
    (_host("rules: [{priority: 9, family: inet, fwmark: red, table: 1}]"),
     "host.rules[0].fwmark", "a firewall mark"),
    (_host("rules: [{priority: 9, family: inet, table: red}]"),
     "host.rules[0].table", "a routing table"),
    (_eth0("{kind: vrf}"), "host.interfaces.eth0", "the table"),
    (_eth0("{table: 7}"), "host.interfaces.eth0.table", "only a vrf"),
    (_host("addrlabels: [{prefix: 10.0.0.0/8, label: 1}]"),
     "host.addrlabels[0].prefix", "an IPv6 prefix"),
    (_host(f"interfaces: {{{'e' * 16}: {{}}}}"), "host.interfaces", "1 to 15 characters"),
    (_host("interfaces: {a/b: {}}"), "host.interfaces", "without slash"),
    (_address("nonsense"), "addresses[0]", "an address with its prefix length"),
    (_address("192.0.2.2/33"), "addresses[0]", "from 0 to 32"),
    (_address("'2001:db8::2/129'"), "addresses[0]", "from 0 to 128"),
    (_address("192.0.2.2/255.255.255.0"), "addresses[0]", "from 0 to 32"),
    (_address("fe80::1%eth0/64"), "addresses[0]", "without %scope"),
    (_address("224.0.0.1/24"), "addresses[0]", "a unicast address"),
    (_address("192.0.2.2/24, 192.0.2.2/24"), "addresses[1]", "each address once"),
    (_address("'2001:db8::2/64', '2001:db8::2/128'"), "addresses[1]", "each address once"),
    (_address("7"), "addresses[0]", "or a mapping with the key address"),
    (_address("{address: 10.9.0.1/32, peer: '2001:db8::1/32'}"),
     "addresses[0].peer", "a peer of the same family"),
    (_address("{address: 10.9.0.1/32, peer: 10.9.0.2/24}"),
     "addresses[0].peer", "the same prefix length"),
    (_address("{address: '2001:db8::1/64', label: eth0}"), "addresses[0].label", "only IPv4"),
    (_address("{address: 10.9.0.1/24, label: 'eth0:23456789012'}"),
     "addresses[0].label", "at most 15 characters"),
    (_address("{address: 10.9.0.1/24, label: 'eth1:1'}"),
     "addresses[0].label", "begins with the interface name"),
    (_address("{address: 10.9.0.1/24, flags: [mobile]}"), "addresses[0].flags[0]", "'deprecated'"),
    (_address("{address: 10.9.0.1/24, flags: [nodad, nodad]}"),
     "addresses[0].flags[1]", "each entry once"),
    (_address("{address: 10.9.0.1/24, flags: [home]}"),
     "addresses[0].flags[0]", "Linux keeps no other flag"),
    (_address("{address: '2001:db8::1/64', flags: [optimistic, nodad]}"),
     "addresses[0].flags", "either optimistic or nodad"),
    (_route("{to: 10.1.2.3/8, dev: eth0}"), "host.routes[0].to", "the network is 10.0.0.0/8"),
    (_route("{to: everywhere, dev: eth0}"), "host.routes[0].to", "a prefix"),
    (_route("{to: 10.0.0.0/8, via: '2001:db8:1::1'}"), "host.routes[0].via", "an IPv4 address"),
    (_route("{to: 10.0.0.0/8, type: unreachable, via: 192.0.2.1}"),
     "host.routes[0].via", "no via in a route of type unreachable"),
    (_route("{to: 10.0.0.0/8, type: blackhole, dev: eth0}"),
     "host.routes[0].dev", "no dev in a route of type blackhole"),
    (_route("{to: 10.0.0.0/8}"), "host.routes[0]", "a gateway (via)"),
    (_route("{to: default, dev: eth0}"), "host.routes[0].to", '"0.0.0.0/0" or "::/0"'),
    (_route("{to: 10.0.0.0/8, dev: eth7}"),
     "host.routes[0].dev", "an interface of the host (eth0, lo)"),
    (_route("{to: default, via: 10.0.0.1}"), "host.routes[0].via", "a gateway in a network"),
    (_route("{to: 10.0.0.0/8, dev: eth0, from: 192.0.2.77}"),
     "host.routes[0].from", "an address of the host"),
    (_route("{to: 10.0.0.0/8, dev: eth0}, {to: 10.0.0.0/8, via: 192.0.2.1}"),
     "host.routes[1].to", "each route once"),
    (_route("{to: 10.0.0.0/8, dev: eth0, on-link: true}"),
     "host.routes[0].on-link", "only with via and dev"),
    (_route("{to: 10.0.0.0/8, dev: eth0, metric: -1}"), "host.routes[0].metric", "at least 0"),
    (_sysctl("kernel.hostname: x"), "host.sysctls", "below net"),
    (_sysctl("net..ipv6: 0"), "host.sysctls", "below net"),
    (_sysctl("net/ipv6/bindv6only: 0"), "host.sysctls", "below net"),
    (_sysctl("net.netfilter.nf_hooks_lwtunnel: 1"),
     "host.sysctls.net.netfilter.nf_hooks_lwtunnel", "a known sysctl of a network namespace"),
    (_sysctl("net.ipv4.ip_forwards: 1"),
     "host.sysctls.net.ipv4.ip_forwards", "perhaps net.ipv4.ip_forward "),
    (_sysctl("net.ipv4.conf.../..: 1"), "host.sysctls", "below net"),
    (_sysctl("net.ipv4.conf.eth9.forwarding: 1"),
     "host.sysctls.net.ipv4.conf.eth9.forwarding", "the host (all, default, lo)"),
    (_sysctl("net.ipv6.bindv6only: [0]"), "host.sysctls.net.ipv6.bindv6only", "text"),
    (_sysctl('net.ipv6.bindv6only: "0\\n1"'), "host.sysctls", "without control characters"),
    (_names("a_b!: [192.0.2.1]"), "names", "letters, digits and hyphens"),
    (_names("'127.1': [192.0.2.1]"), "names", "not a number"),
    (_names("web: [192.0.2.1], WEB: [192.0.2.2]"), "names", "differs only in case"),
    (_names("web: []"), "names.web", "at least 1 entry"),
    (_names("web: [192.0.2.256]"), "names.web[0]", "an IPv4 or IPv6 address"),
    (_names("web: [192.0.2.1/24]"), "names.web[0]", "without a prefix length"),
    (_names("web: ['fe80::1%eth0']"), "names.web[0]", "neither a hosts file nor a DNS record"),
    (_names("web: 192.0.2.1"), "names.web", "a list (got '192.0.2.1')"),
    (_names(f"web: [{', '.join(['192.0.2.1'] * 4097)}]"), "names.web", "at most 4096 entries"),
    (_names("web: [192.0.2.1]") + "resolver: nis\n", "resolver", "'files', 'dns' or 'nss'"),
    (_names("web: ['fe80::1%eth7']") + "resolver: nss\n",
     "names.web[0]", "an interface of the host (eth0, lo) or a number"),
    (_names("web: ['fe80::1%4294967296']") + "resolver: nss\n",
     "names.web[0]", "an interface of the host"),
    (_names("web: ['192.0.2.1%eth0']") + "resolver: nss\n",
     "names.web[0]", "an IPv6 one perhaps with %scope"),
    (_lookup("name: web, expect: {order: ['fe80::1%eth7']}"),
     "lookups[0].expect.order[0]", "an interface of the host"),
    (_names("web: [192.0.2.1]") + "dns: {first_reply: AAAA}\n", "dns", "no dns settings"),
    (_lookup("name: web, family: ipv6"), "lookups[0].family", "'unspec'"),
    (_lookup("name: web, socktype: tcp"), "lookups[0].socktype", "'any'"),
    (_lookup("name: web, flags: [AI_FAST]"), "lookups[0].flags[0]", "AI_PASSIVE"),
    (_lookup("name: web, flags: [ALL, AI_ALL]"), "lookups[0].flags[1]", "each entry once"),
    (_lookup("family: inet"), "lookups[0]", "a name, a service or both"),
    (_lookup('name: "a\\0b"'), "lookups[0].name", "without control characters"),
    (_lookup("name: web, protocol: tcp"), "lookups[0].protocol", "a whole number"),
    (_expect("order: [192.0.2.1, 192.0.2.2], decided_by: 11"),
     "lookups[0].expect.decided_by", "at most 10"),
    (_expect("order: [192.0.2.1, 192.0.2.2], decided_by: true"),
     "lookups[0].expect.decided_by", "a whole number"),
    (_expect("order: [192.0.2.1], decided_by: 9"), "lookups[0].expect.decided_by", "two or more"),
    (_expect("order: [192.0.2.1], error: EAI_NONAME"),
     "lookups[0].expect", "either order or error"),
    (_expect("glibc: '>=2.8'"), "lookups[0].expect", "either order or error"),
    (_expect("error: NXDOMAIN"), "lookups[0].expect.error", "EAI_NONAME"),
    (_expect("order: [web]"), "lookups[0].expect.order[0]", "address"),
    (_expect("order: [192.0.2.1], glibc: 'new'"), "lookups[0].expect.glibc", "glibc versions as"),
    (_expect("order: [192.0.2.1], glibc: 2.36"), "lookups[0].expect.glibc", "quotes around"),
    (_lookup("name: web, expect: [{error: EAI_NONAME}, {error: X}]"),
     "lookups[0].expect[1].error", "EAI_NONAME"),
    (_gai("[a]"), "gai_conf", "a mapping"),
    (_gai("{file: /etc/passwd}"), "gai_conf.file", "text that matches"),
    (_gai("{file: ../x.conf}"), "gai_conf.file", "text that matches"),
    (_gai("{file: secret.txt}"), "gai_conf.file", "ends in .conf"),
    (_gai("{file: none.conf}"), "gai_conf.file", "one of the catalogue"),
    (_gai(f'"{"#" * 65537}"'), "gai_conf", "at most 65536 characters"),
    (bytes(range(256)), "file", "UTF-8 text"),
    (f"name: x\n{HOST}lookups: 7\n", "lookups", "a list (got 7)"),
]
# fmt: on


@pytest.mark.parametrize(
    ("text", "field", "expected"), BAD, ids=[f"{field}: {said}" for _, field, said in BAD]
)
def test_one_line_names_file_field_and_expectation(
    tmp_path: Path, text: str | bytes, field: str, expected: str
) -> None:
    error = refusal(tmp_path, text)
    line, path = str(error), error.file
    assert line.isprintable()
    assert line.startswith(f"{tmp_path}/example.yaml:")
    assert line.startswith(f"{path}:{error.line}: " if error.line else f"{path}: ")
    assert field in error.field
    assert f": {error.field}: expected " in line
    assert expected in line, line
    assert len(line) < 600 + len(str(path))


def test_the_line_is_that_of_the_field_and_the_first_fault_is_shown(tmp_path: Path) -> None:
    error = refusal(
        tmp_path,
        "name: x\nhost:\n  interfaces:\n    eth0:\n      addresses:\n"
        "        - 192.0.2.2/24\n        - address: 192.0.2.3/99\nlookups:\n  - name: web\n",
    )
    assert (error.line, error.field) == (7, "host.interfaces.eth0.addresses[1].address")
    error = refusal(tmp_path, f"name: a/b\n{HOST}resolver: nis\nlookups: []\n")
    assert (error.line, error.field) == (1, "name")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, got in (
        (tmp_path / "absent.yaml", "No such file or directory"),
        (tmp_path, "a folder"),
        (tmp_path / "pipe", "a device, pipe or socket"),
        (Path("a\0b"), "a NUL character"),
        (Path("a" * 300), "File name too long"),
    ):
        with pytest.raises(ScenarioError) as caught:
            load(path)
        assert (caught.value.field, caught.value.got) == ("file", got)
        assert str(caught.value).isprintable()


def test_a_gai_conf_link_may_not_leave_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "scenarios"
    folder.mkdir()
    (tmp_path / "secret.conf").write_text("label ::/0 1\n")
    (folder / "x.conf").symlink_to(tmp_path / "secret.conf")
    (folder / "dangling.conf").symlink_to("nowhere.conf")
    (folder / "folder.conf").mkdir()
    for name, expected in (
        ("x.conf", "not a link that leaves it"),
        ("dangling.conf", "not a dangling link"),
        ("folder.conf", "a regular file"),
    ):
        assert expected in str(refusal(folder, _gai(f"{{file: {name}}}")))
