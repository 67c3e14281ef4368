"""Every kind of bad scenario file gives one line that names file, field and what was expected."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.scenario import ScenarioError, load

HOST = "host: {interfaces: {eth0: {addresses: [192.0.2.2/24, '2001:db8:1::2/64']}}}\n"
LOOKUPS = "lookups: [{name: web}]\n"


def _eth0(rest: str) -> str:
    return f"name: x\nhost:\n  interfaces:\n    eth0: {rest}\n{LOOKUPS}"


def _address(rest: str) -> str:
    return _eth0(f"{{addresses: [{rest}]}}")


def _route(rest: str) -> str:
    return f"name: x\n{HOST[:-2]}, routes: [{rest}]}}\n{LOOKUPS}"


def _sysctl(rest: str) -> str:
    return f"name: x\nhost: {{sysctls: {{{rest}}}}}\n{LOOKUPS}"


def _names(rest: str, more: str = "") -> str:
    return f"name: x\n{HOST}names: {{{rest}}}\n{more}{LOOKUPS}"


def _lookup(rest: str) -> str:
    return f"name: x\n{HOST}lookups:\n  - {{{rest}}}\n"


def _expect(rest: str) -> str:
    return _lookup(f"name: web, expect: {{{rest}}}")


def _gai(rest: str) -> str:
    return f"name: x\n{HOST}gai_conf: {rest}\n{LOOKUPS}"


# (what is wrong, the file, the field named, a part of what was expected)
# fmt: off
BAD: list[tuple[str, str | bytes, str, str]] = [
    ("empty", "", "document", "a mapping with name, host and lookups (got an empty file)"),
    ("comment only", "# nothing\n", "document", "a mapping"),
    ("null", "~\n", "document", "a mapping"),
    ("list on top", "- a\n- b\n", "document", "a mapping"),
    ("text on top", "hello\n", "document", "a mapping"),
    ("two documents", f"name: x\n{HOST}{LOOKUPS}---\nname: y\n", "document", "one document"),
    ("not UTF-8", b"name: \xff\n", "file", "UTF-8 text (got byte 0xff)"),
    ("UTF-16", "name: x\n".encode("utf-16"), "file", "UTF-8 text"),
    ("control character", "name: a\x01b\n", "document", "without control characters"),
    ("tab", "name: x\nhost:\n\tinterfaces: {}\n", "document", "spaces for indentation"),
    ("unclosed", "name: [x\n", "document", "valid YAML"),
    ("tag", "name: !!python/object:os.system x\n", "name", "no YAML tags"),
    ("too large", "#" * (1 << 20) + "\n", "file", "at most 1048576 bytes"),
    ("too deep", "name: " + "[" * 200 + "]" * 200, "document", "levels of nesting"),
    ("alias bomb", "a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
        f"{y}: &{y} [{','.join([f'*{x}'] * 10)}]\n" for x, y in zip("abcde", "bcdef", strict=True)
    ), "document", "values, aliases included"),
    ("alias of itself", "name: &a [*a]\n", "name[0]", "an alias of an earlier anchor"),
    ("unknown alias", "name: *a\n", "name", "an alias of an earlier anchor"),
    ("duplicate key", f"name: x\nname: y\n{HOST}{LOOKUPS}", "name", "each key once"),
    ("key is a list", "[a, b]: c\n", "document", "a word as key"),
    ("yes", _route("{to: 10.0.0.0/8, dev: eth0, on-link: yes}"),
     "host.routes[0].on-link", "true, false"),
    ("no as a name", _names("no: [192.0.2.1]"), "names", "quotes around a word"),
    ("octal", _lookup("name: web, service: 0777"), "lookups[0].service", "quotes around"),
    ("power", _lookup("name: web, protocol: 1e3"), "lookups[0].protocol", "quotes around"),
    ("base 60", _names("web: [1:2:3:4:5:6:7:8]"), "names.web[0]", "quotes around"),
    ("bare ::1", _names("web: [::1]"), "document", "beginning or ending with ':' needs quotes"),
    ("bare trailing ::", f"name: x\n{HOST}names:\n  web:\n    - 2001:db8::\n{LOOKUPS}",
     "names.web[0]", "begins or ends with ':' needs quotes"),
    ("merge key", "<<: {name: x}\n", "document", "quotes around"),
    ("no name", f"{HOST}{LOOKUPS}", "name", "this required field"),
    ("no host", f"name: x\n{LOOKUPS}", "host", "this required field"),
    ("no lookups", f"name: x\n{HOST}", "lookups", "this required field"),
    ("empty lookups", f"name: x\n{HOST}lookups: []\n", "lookups", "at least 1 entry"),
    ("name with a slash", f"name: a/b\n{HOST}{LOOKUPS}", "name", "text that matches"),
    ("name is a number", f"name: 7\n{HOST}{LOOKUPS}", "name", "text in quotes (got 7)"),
    ("unknown key", f"name: x\ncommand: reboot\n{HOST}{LOOKUPS}", "command", "one of the keys"),
    ("misspelt key", _eth0("{adresses: []}"), "host.interfaces.eth0.adresses",
     "perhaps 'addresses'"),
    ("host is a list", f"name: x\nhost: []\n{LOOKUPS}", "host", "a mapping (got an empty list)"),
    ("kind", _eth0("{kind: wifi}"), "host.interfaces.eth0.kind", "'ethernet'"),
    ("an address lo has", f"name: x\nhost: {{interfaces: {{lo: {{addresses: [127.0.0.1/8]}}}}}}\n"
     f"{LOOKUPS}", "interfaces.lo.addresses[0]", "another address than lo has"),
    ("lo is no tunnel", f"name: x\nhost: {{interfaces: {{lo: {{kind: sit}}}}}}\n{LOOKUPS}",
     "host.interfaces.lo", "addresses only"),
    ("a rule of no family", f"name: x\nhost: {{rules: [{{priority: 1, table: 5}}]}}\n{LOOKUPS}",
     "host.rules[0]", "one family"),
    ("a rule without an end",
     f"name: x\nhost: {{rules: [{{priority: 1, family: inet}}]}}\n{LOOKUPS}",
     "host.rules[0]", "one of table, goto"),
    ("a rule that goes back",
     f"name: x\nhost: {{rules: [{{priority: 9, family: inet, goto: 3}}]}}\n{LOOKUPS}",
     "host.rules[0].goto", "above the rule's own"),
    ("a mark", f"name: x\nhost: {{rules: [{{priority: 9, family: inet, fwmark: red, table: 1}}]}}"
     f"\n{LOOKUPS}", "host.rules[0].fwmark", "a firewall mark"),
    ("a table", f"name: x\nhost: {{rules: [{{priority: 9, family: inet, table: red}}]}}\n{LOOKUPS}",
     "host.rules[0].table", "a routing table"),
    ("a vrf without a table", _eth0("{kind: vrf}"), "host.interfaces.eth0", "the table"),
    ("a table without a vrf", _eth0("{table: 7}"), "host.interfaces.eth0.table", "only a vrf"),
    ("a label row of IPv4",
     f"name: x\nhost: {{addrlabels: [{{prefix: 10.0.0.0/8, label: 1}}]}}\n{LOOKUPS}",
     "host.addrlabels[0].prefix", "an IPv6 prefix"),
    ("long interface name", f"name: x\nhost: {{interfaces: {{{'e' * 16}: {{}}}}}}\n{LOOKUPS}",
     "host.interfaces", "1 to 15 characters"),
    ("slash in interface name", f"name: x\nhost: {{interfaces: {{a/b: {{}}}}}}\n{LOOKUPS}",
     "host.interfaces", "without slash"),
    ("address without sense", _address("nonsense"), "addresses[0]",
     "an address with its prefix length"),
    ("prefix length 33", _address("192.0.2.2/33"), "addresses[0]", "from 0 to 32"),
    ("prefix length 129", _address("'2001:db8::2/129'"), "addresses[0]", "from 0 to 128"),
    ("netmask", _address("192.0.2.2/255.255.255.0"), "addresses[0]", "from 0 to 32"),
    ("scope in address", _address("fe80::1%eth0/64"), "addresses[0]", "without %scope"),
    ("multicast address", _address("224.0.0.1/24"), "addresses[0]", "a unicast address"),
    ("address twice", _address("192.0.2.2/24, 192.0.2.2/24"), "addresses[1]", "each address once"),
    ("IPv6 address twice", _address("'2001:db8::2/64', '2001:db8::2/128'"), "addresses[1]",
     "each address once"),
    ("address is a number", _address("7"), "addresses[0]", "or a mapping with the key address"),
    ("peer family", _address("{address: 10.9.0.1/32, peer: '2001:db8::1/32'}"), "addresses[0].peer",
     "a peer of the same family"),
    ("peer length", _address("{address: 10.9.0.1/32, peer: 10.9.0.2/24}"), "addresses[0].peer",
     "the same prefix length"),
    ("label on IPv6", _address("{address: '2001:db8::1/64', label: eth0}"), "addresses[0].label",
     "only IPv4"),
    ("long label", _address("{address: 10.9.0.1/24, label: 'eth0:23456789012'}"),
     "addresses[0].label", "at most 15 characters"),
    ("foreign label", _address("{address: 10.9.0.1/24, label: 'eth1:1'}"), "addresses[0].label",
     "begins with the interface name"),
    ("flag", _address("{address: 10.9.0.1/24, flags: [mobile]}"), "addresses[0].flags[0]",
     "'deprecated'"),
    ("flag twice", _address("{address: 10.9.0.1/24, flags: [nodad, nodad]}"),
     "addresses[0].flags[1]", "each entry once"),
    ("home on IPv4", _address("{address: 10.9.0.1/24, flags: [home]}"), "addresses[0].flags[0]",
     "Linux keeps no other flag"),
    ("optimistic without DAD", _address("{address: '2001:db8::1/64', flags: [optimistic, nodad]}"),
     "addresses[0].flags", "either optimistic or nodad"),
    ("host bits", _route("{to: 10.1.2.3/8, dev: eth0}"), "host.routes[0].to",
     "the network is 10.0.0.0/8"),
    ("route to nonsense", _route("{to: everywhere, dev: eth0}"), "host.routes[0].to", "a prefix"),
    ("gateway family", _route("{to: 10.0.0.0/8, via: '2001:db8:1::1'}"), "host.routes[0].via",
     "an IPv4 address"),
    ("unreachable via", _route("{to: 10.0.0.0/8, type: unreachable, via: 192.0.2.1}"),
     "host.routes[0].via", "no via in a route of type unreachable"),
    ("blackhole dev", _route("{to: 10.0.0.0/8, type: blackhole, dev: eth0}"),
     "host.routes[0].dev", "no dev in a route of type blackhole"),
    ("route to nowhere", _route("{to: 10.0.0.0/8}"), "host.routes[0]", "a gateway (via)"),
    ("default of no family", _route("{to: default, dev: eth0}"), "host.routes[0].to",
     '"0.0.0.0/0" or "::/0"'),
    ("unknown dev", _route("{to: 10.0.0.0/8, dev: eth7}"), "host.routes[0].dev",
     "an interface of the host (eth0, lo)"),
    ("gateway off link", _route("{to: default, via: 10.0.0.1}"), "host.routes[0].via",
     "a gateway in a network"),
    ("foreign source", _route("{to: 10.0.0.0/8, dev: eth0, from: 192.0.2.77}"),
     "host.routes[0].from", "an address of the host"),
    ("route twice", _route("{to: 10.0.0.0/8, dev: eth0}, {to: 10.0.0.0/8, via: 192.0.2.1}"),
     "host.routes[1].to", "each route once"),
    ("on-link without via", _route("{to: 10.0.0.0/8, dev: eth0, on-link: true}"),
     "host.routes[0].on-link", "only with via and dev"),
    ("metric", _route("{to: 10.0.0.0/8, dev: eth0, metric: -1}"), "host.routes[0].metric",
     "at least 0"),
    ("sysctl elsewhere", _sysctl("kernel.hostname: x"), "host.sysctls", "below net"),
    ("sysctl path", _sysctl("net..ipv6: 0"), "host.sysctls", "below net"),
    ("sysctl slash", _sysctl("net/ipv6/bindv6only: 0"), "host.sysctls", "below net"),
    ("sysctl of the machine", _sysctl("net.netfilter.nf_hooks_lwtunnel: 1"),
     "host.sysctls.net.netfilter.nf_hooks_lwtunnel", "a known sysctl of a network namespace"),
    ("sysctl mistyped", _sysctl("net.ipv4.ip_forwards: 1"),
     "host.sysctls.net.ipv4.ip_forwards", "perhaps net.ipv4.ip_forward "),
    ("sysctl climbing", _sysctl("net.ipv4.conf.../..: 1"), "host.sysctls", "below net"),
    ("sysctl of nothing", _sysctl("net.ipv4.conf.eth9.forwarding: 1"),
     "host.sysctls.net.ipv4.conf.eth9.forwarding", "the host (all, default, lo)"),
    ("sysctl value", _sysctl("net.ipv6.bindv6only: [0]"), "host.sysctls.net.ipv6.bindv6only",
     "text"),
    ("sysctl newline", _sysctl('net.ipv6.bindv6only: "0\\n1"'), "host.sysctls",
     "without control characters"),
    ("host name", _names("a_b!: [192.0.2.1]"), "names", "letters, digits and hyphens"),
    ("numeric host name", _names("'127.1': [192.0.2.1]"), "names", "not a number"),
    ("name twice", _names("web: [192.0.2.1], WEB: [192.0.2.2]"), "names", "differs only in case"),
    ("name without addresses", _names("web: []"), "names.web", "at least 1 entry"),
    ("name's address", _names("web: [192.0.2.256]"), "names.web[0]", "an IPv4 or IPv6 address"),
    ("name's prefix", _names("web: [192.0.2.1/24]"), "names.web[0]", "without a prefix length"),
    ("name's scope", _names("web: ['fe80::1%eth0']"), "names.web[0]",
     "neither a hosts file nor a DNS record"),
    ("name's one address", _names("web: 192.0.2.1"), "names.web", "a list (got '192.0.2.1')"),
    ("too many addresses", _names(f"web: [{', '.join(['192.0.2.1'] * 4097)}]"), "names.web",
     "at most 4096 entries"),
    ("resolver", _names("web: [192.0.2.1]", "resolver: nis\n"), "resolver",
     "'files', 'dns' or 'nss'"),
    ("unknown zone", _names("web: ['fe80::1%eth7']", "resolver: nss\n"), "names.web[0]",
     "an interface of the host (eth0, lo) or a number"),
    ("zone too large", _names("web: ['fe80::1%4294967296']", "resolver: nss\n"), "names.web[0]",
     "an interface of the host"),
    ("zone of IPv4", _names("web: ['192.0.2.1%eth0']", "resolver: nss\n"), "names.web[0]",
     "an IPv6 one perhaps with %scope"),
    ("unknown zone expected", _lookup("name: web, expect: {order: ['fe80::1%eth7']}"),
     "lookups[0].expect.order[0]", "an interface of the host"),
    ("dns without resolver", _names("web: [192.0.2.1]", "dns: {first_reply: AAAA}\n"), "dns",
     "no dns settings"),
    ("family", _lookup("name: web, family: ipv6"), "lookups[0].family", "'unspec'"),
    ("socktype", _lookup("name: web, socktype: tcp"), "lookups[0].socktype", "'any'"),
    ("flag of getaddrinfo", _lookup("name: web, flags: [AI_FAST]"), "lookups[0].flags[0]",
     "AI_PASSIVE"),
    ("flags spelled twice", _lookup("name: web, flags: [ALL, AI_ALL]"), "lookups[0].flags[1]",
     "each entry once"),
    ("nothing asked", _lookup("family: inet"), "lookups[0]", "a name, a service or both"),
    ("NUL in name", _lookup('name: "a\\0b"'), "lookups[0].name", "without control characters"),
    ("protocol", _lookup("name: web, protocol: tcp"), "lookups[0].protocol", "a whole number"),
    ("rule 11", _expect("order: [192.0.2.1, 192.0.2.2], decided_by: 11"),
     "lookups[0].expect.decided_by", "at most 10"),
    ("rule true", _expect("order: [192.0.2.1, 192.0.2.2], decided_by: true"),
     "lookups[0].expect.decided_by", "a whole number"),
    ("decided alone", _expect("order: [192.0.2.1], decided_by: 9"),
     "lookups[0].expect.decided_by", "two or more"),
    ("order and error", _expect("order: [192.0.2.1], error: EAI_NONAME"), "lookups[0].expect",
     "either order or error"),
    ("neither", _expect("glibc: '>=2.8'"), "lookups[0].expect", "either order or error"),
    ("error", _expect("error: NXDOMAIN"), "lookups[0].expect.error", "EAI_NONAME"),
    ("expected address", _expect("order: [web]"), "lookups[0].expect.order[0]", "address"),
    ("specifier", _expect("order: [192.0.2.1], glibc: 'new'"), "lookups[0].expect.glibc",
     "glibc versions as"),
    ("specifier is a fraction", _expect("order: [192.0.2.1], glibc: 2.36"),
     "lookups[0].expect.glibc", "quotes around"),
    ("second expectation", _lookup("name: web, expect: [{error: EAI_NONAME}, {error: X}]"),
     "lookups[0].expect[1].error", "EAI_NONAME"),
    ("gai_conf list", _gai("[a]"), "gai_conf", "a mapping"),
    ("gai_conf absolute", _gai("{file: /etc/passwd}"), "gai_conf.file", "text that matches"),
    ("gai_conf above", _gai("{file: ../x.conf}"), "gai_conf.file", "text that matches"),
    ("gai_conf other file", _gai("{file: secret.txt}"), "gai_conf.file", "ends in .conf"),
    ("gai_conf unknown", _gai("{file: none.conf}"), "gai_conf.file", "one of the catalogue"),
    ("gai_conf too long", _gai(f'"{"#" * 65537}"'), "gai_conf", "at most 65536 characters"),
]
# fmt: on


@pytest.mark.parametrize(
    ("text", "field", "expected"), [row[1:] for row in BAD], ids=[row[0] for row in BAD]
)
def test_one_line_names_file_field_and_expectation(
    tmp_path: Path, text: str | bytes, field: str, expected: str
) -> None:
    path = tmp_path / "bad.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ScenarioError) as caught:
        load(path)
    error = caught.value
    line = str(error)
    assert line.isprintable()
    assert line.startswith(f"{path}:{error.line}: " if error.line else f"{path}: ")
    assert field in error.field
    assert f": {error.field}: expected " in line
    assert expected in line, line
    assert len(line) < 600 + len(str(path))


def test_the_kinds_are_many_and_distinct() -> None:
    assert len(BAD) >= 40
    assert len({row[0] for row in BAD}) == len(BAD)


def test_the_line_is_that_of_the_field(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(
        "name: x\nhost:\n  interfaces:\n    eth0:\n      addresses:\n"
        "        - 192.0.2.2/24\n        - address: 192.0.2.3/99\nlookups:\n  - name: web\n"
    )
    with pytest.raises(ScenarioError) as caught:
        load(path)
    assert caught.value.line == 7
    assert caught.value.field == "host.interfaces.eth0.addresses[1].address"


def test_the_first_fault_of_the_file_is_the_one_shown(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(f"name: a/b\n{HOST}resolver: nis\nlookups: []\n")
    with pytest.raises(ScenarioError) as caught:
        load(path)
    assert (caught.value.line, caught.value.field) == (1, "name")


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
    path = folder / "s.yaml"
    for name, expected in (
        ("x.conf", "not a link that leaves it"),
        ("dangling.conf", "not a dangling link"),
        ("folder.conf", "a regular file"),
    ):
        path.write_text(_gai(f"{{file: {name}}}"))
        with pytest.raises(ScenarioError, match=expected):
            load(path)
