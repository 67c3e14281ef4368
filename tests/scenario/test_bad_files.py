"""Every kind of bad scenario file gives one line that names file, field and what was expected."""

import os
from pathlib import Path

import pytest

from harness.sandbox.namespaces import HOSTNAME
from harness.scenario import ScenarioError, load
from harness.scenario.schema import Host
from tests.scenario.kit import loaded, refusal

HOST = "host: {interfaces: {eth0: {addresses: [192.0.2.2/24, '2001:db8:1::2/64']}}}\n"
LOOKUPS = "lookups: [{name: web}]\n"


# what stands in place of @ in a file, the place of it, and rows as below
ETH0 = f"name: x\nhost:\n  interfaces:\n    eth0: @\n{LOOKUPS}"
ADDRESS = ETH0.replace("@", "{addresses: [@]}")
ROUTE = f"name: x\n{HOST[:-2]}, routes: [@]}}\n{LOOKUPS}"
IN_HOST = f"name: x\nhost: {{@}}\n{LOOKUPS}"
SYSCTL = IN_HOST.replace("@", "sysctls: {@}")
SERVICE = f"name: x\n{HOST}name_service: {{@}}\n{LOOKUPS}"
DNS = f"name: x\n{HOST}resolver: dns\nnames: {{@}}\n{LOOKUPS}"
NAMES = f"name: x\n{HOST}names: {{@}}\n{LOOKUPS}"
NSS = f"{NAMES}resolver: nss\n"
LOOKUP = f"name: x\n{HOST}lookups:\n  - {{@}}\n"
EXPECT = LOOKUP.replace("@", "name: web, expect: {@}")
AFTER = LOOKUP.replace("@", "name: web, after: @")
GAI = f"name: x\n{HOST}gai_conf: @\n{LOOKUPS}"
CHAIN = "{" + ", ".join(f"n{n}: n{n + 1}" for n in range(9)) + "}"
# fmt: off
PARTS: dict[tuple[str, str], list[tuple[str, str, str]]] = {
    (ROUTE, "host.routes"): [
        ("{to: '::/0', via: 'fe80::1%eth1', dev: eth0}", "[0].via", "interface of the route ("),
        ("{to: '::/0', via: 'fe80::1%eth9'}", "[0]", "an interface of the host (eth0, lo)"),
        ("{to: default, via: 192.0.2.1%eth0}", "[0].via", "an address without %scope"),
        ("{to: 10.1.2.3/8, dev: eth0}", "[0].to", "the network is 10.0.0.0/8"),
        ("{to: everywhere, dev: eth0}", "[0].to", "a prefix"),
        ("{to: 10.0.0.0/8, via: '2001:db8:1::1'}", "[0].via", "an IPv4 address"),
        ("{to: 10.0.0.0/8, type: unreachable, via: 192.0.2.1}", "[0].via", "no via in a route"),
        ("{to: 10.0.0.0/8}", "[0]", "a gateway (via)"),
        ("{to: default, dev: eth0}", "[0].to", '"0.0.0.0/0" or "::/0"'),
        ("{to: default, via: 10.0.0.1}", "[0].via", "a gateway in a network"),
        ("{to: 10.0.0.0/8, dev: eth0, from: 192.0.2.77}", "[0].from", "an address of the host"),
        ("{to: 1.0.0.0/8, dev: eth0}, {to: 1.0.0.0/8, dev: lo}", "[1].to", "each route once"),
        ("{to: 10.0.0.0/8, dev: eth0, on-link: true}", "[0].on-link", "only with via and dev"),
    ],
    (NAMES, "names"): [
        ("no: [192.0.2.1]", "", "quotes around a word"),
        ("web: [1:2:3:4:5:6:7:8]", ".web[0]", "quotes around"),
        ("a b: [192.0.2.1]", "", "without blanks, # and control characters"),
        (f"{'a' * 255}: [192.0.2.1]", "", "1 to 254 bytes"),
        ("'127.1': [192.0.2.1]", "", "not a number"),
        ("web: [192.0.2.1], WEB: [192.0.2.2]", "", "differs only in case"),
        ("web: [192.0.2.256]", ".web[0]", "an IPv4 or IPv6 address"),
        ("web: [192.0.2.1/24]", ".web[0]", "without a prefix length"),
        ("web: ['fe80::1%eth0']", ".web[0]", "neither a hosts file nor a DNS record"),
        (f"web: [{', '.join(['192.0.2.1'] * 4097)}]", ".web", "at most 4096 entries"),
    ],
    (LOOKUP, "lookups[0]"): [
        ("name: web, service: 0777", ".service", "quotes around"),
        ("name: web, family: ipv6", ".family", "'unspec'"),
        ("name: web, flags: [ALL, AI_ALL]", ".flags[1]", "each entry once"),
        ("name: web, flags: [2048, '0x800']", ".flags[1]", "each entry once"),
        ("name: web, flags: ['0x80000000']", ".flags[0]", "or a number"),
        ("name: web, hints: no-flags", ".hints", "'none'"),
        ("name: web, hints: none, flags: [ALL], family: inet", ".hints", "(got 'family, flags')"),
        ("family: inet", "", "a name, a service or both"),
        ('name: "a\\0b"', ".name", "without control characters"),
        ("name: web, expect: [{error: EAI_NONAME}, {error: X}]", ".expect[1].error", "EAI_NONAME"),
    ],
    (ETH0, "host.interfaces.eth0"): [
        ("{adresses: []}", ".adresses", "perhaps 'addresses'"),
        ("{kind: vrf}", "", "the table"),
        ("{table: 7}", ".table", "only a vrf"),
    ],
    (IN_HOST, "host"): [
        ("interfaces: {lo: {addresses: [127.0.0.1]}}", ".interfaces.lo.addresses[0]", "another"),
        ("interfaces: {lo: {kind: sit}}", ".interfaces.lo", "addresses only"),
        ("rules: [{priority: 1, table: 5}]", ".rules[0]", "one family"),
        ("rules: [{priority: 1, family: inet}]", ".rules[0]", "one of table, goto"),
        ("rules: [{priority: 9, family: inet, goto: 3}]", ".rules[0].goto", "above the rule's own"),
        ("rules: [{priority: 9, family: inet, fwmark: a}]", ".rules[0].fwmark", "a firewall mark"),
        ("rules: [{priority: 9, family: inet, table: red}]", ".rules[0].table", "a routing table"),
        ("addrlabels: [{prefix: 10.0.0.0/8, label: 1}]", ".addrlabels[0].prefix", "an IPv6 prefix"),
        (f"interfaces: {{{'e' * 16}: {{}}}}", ".interfaces", "1 to 15 characters"),
    ],
    (ADDRESS, "host.interfaces.eth0.addresses"): [
        ("nonsense", "[0]", "an address with its prefix length"),
        ("192.0.2.2/33", "[0]", "from 0 to 32"),
        ("fe80::1%eth0/64", "[0]", "without %scope"),
        ("224.0.0.1/24", "[0]", "a unicast address"),
        ("'2001:db8::2/64', '2001:db8::2/128'", "[1]", "each address once"),
        ("7", "[0]", "or a mapping with the key address"),
        ("{address: 10.9.0.1/32, peer: '2001:db8::1/32'}", "[0].peer", "a peer of the same family"),
        ("{address: 10.9.0.1/32, peer: 10.9.0.2/24}", "[0].peer", "the same prefix length"),
        ("{address: '2001:db8::1/64', label: eth0}", "[0].label", "only IPv4"),
        ("{address: 10.9.0.1/24, label: 'eth0:23456789012'}", "[0].label", "at most 15 characters"),
        ("{address: 10.9.0.1/24, label: 'eth1:1'}", "[0].label", "begins with the interface name"),
        ("{address: 10.9.0.1/24, flags: [home]}", "[0].flags[0]", "Linux keeps no other flag"),
        ("{address: '2001:db8::1/64', flags: [optimistic, nodad]}", "[0].flags", "either"),
    ],
    (SYSCTL, "host.sysctls"): [
        ("kernel.hostname: x", "", "below net"),
        ("net..ipv6: 0", "", "below net"),
        ("net/ipv6/bindv6only: 0", "", "below net"),
        ("net.netfilter.nf_hooks_lwtunnel: 1", ".net.netfilter.nf_hooks_lwtunnel", "a known"),
        ("net.ipv4.ip_forwards: 1", ".net.ipv4.ip_forwards", "perhaps net.ipv4.ip_forward "),
        ("net.ipv4.conf.../..: 1", "", "below net"),
        ("net.ipv4.conf.eth9.tag: 1", ".net.ipv4.conf.eth9.tag", "the host (all, default, lo)"),
        ("net.ipv6.bindv6only: [0]", ".net.ipv6.bindv6only", "text"),
        ('net.ipv6.bindv6only: "0\\n1"', "", "without control characters"),
    ],
    (DNS, "names"): [
        ("a_b!: [192.0.2.1]", "", "letters, digits, hyphens and underscores"),
        ("-a: [192.0.2.1]", "", "no hyphen first"),
        ("ü: [192.0.2.1]", "", "as xn--"),
        ("web: [192.0.2.1], web.: [192.0.2.2]", "", "differs only in a final dot"),
    ],
    (SERVICE, "name_service"): [
        ("hosts: files mdns", ".hosts", "(files, dns, nss, nss_by_family, myhostname, missing)"),
        ("hosts: ''", ".hosts", "1 to 8 services"),
        ("hosts: '[NOTFOUND=return] files'", ".hosts", "nss, nss_by_family, myhostname, missing)"),
        ("hosts: 'files [NOTFOUND=stop]'", ".hosts", "return, continue, merge"),
        ("hosts: 'files [FOUND=return] dns'", ".hosts", "SUCCESS, NOTFOUND, UNAVAIL, TRYAGAIN"),
        ("hosts: 'files [] dns'", ".hosts", "[STATUS=action]"),
        (r'hosts: "files\ndns"', ".hosts", "without control characters"),
        (r'hosts: "files\u2003dns"', ".hosts", "without control characters"),
        ("files: [192.0.2.1]", ".files[0]", "an address and a name"),
        ("files: [web 192.0.2.1]", ".files[0]", "an IPv4 or IPv6 address"),
        ("files: ['fe80::1%eth0 web']", ".files[0]", "which a hosts file cannot carry"),
        ("files: ['192.0.2.1 web 10.1']", ".files[0]", "not a number"),
        ("dns: {names: {a.b!: [192.0.2.1]}}", ".dns.names", "hyphens and underscores"),
        ("dns: {names: {web: ['fe80::1%eth0']}}", ".dns.names.web[0]", "without %zone"),
        ("dns: [{}, {}, {}, {}]", ".dns", "at most 3"),
        ("dns: {replies: {web: {MX: silent}}}", ".dns.replies.web.MX", "A, AAAA, first"),
        ("dns: {aliases: {a: b, b: a}}", ".dns.aliases", "aliases that end"),
        (f"dns: {{names: {{n9: [192.0.2.1]}}, aliases: {CHAIN}}}", ".dns.aliases", "end within 8"),
        ("dns: [{}, {names: {a: [192.0.2.1]}, aliases: {a: b}}]", ".dns[1].aliases",
         "an alias or addresses"),
        ("nss: {web: ['fe80::1%eth7']}", ".nss.web[0]", "an interface of the host"),
        ("hosts_file: false, files: [192.0.2.1 web]", ".files", "a hosts file that is not there"),
        ("resolv_conf: {sortlist: ['fe80::/10']}", ".resolv_conf.sortlist[0]", "an IPv4 address"),
        ("resolv_conf: {sortlist: [10.0.0.0/]}", ".resolv_conf.sortlist[0]", "with a netmask"),
        (f"resolv_conf: {{sortlist: [{'1.1.1.1, ' * 11}]}}", ".resolv_conf.sortlist", "at most 10"),
        ("hosts: dns, hosts_line: false", ".hosts", "files dns"),
        ("resolv_conf: {search_before: [a.test]}", ".resolv_conf", "replaces this one"),
        ("resolv_conf: {ndots: 256}", ".resolv_conf.ndots", "at most 255"),
    ],
    ("name: x\n" + HOST + "names: {web: [192.0.2.1]}\nname_service: @\n" + LOOKUPS,
     "name_service"): [("{hosts: files}", "", "either name_service or names")],
    (NSS, "names"): [
        ("web: ['fe80::1%eth7']", ".web[0]", "an interface of the host (eth0, lo) or a number"),
        ("web: ['192.0.2.1%eth0']", ".web[0]", "an IPv6 one perhaps with %scope"),
    ],
    (EXPECT, "lookups[0].expect"): [
        ("order: [192.0.2.1], decided_by: 9", ".decided_by", "two or more"),
        ("order: [192.0.2.1], error: EAI_NONAME", "", "either order or error"),
        ("error: NXDOMAIN", ".error", "EAI_NONAME"),
        ("order: [192.0.2.1], glibc: 'new'", ".glibc", "glibc versions as"),
    ],
    (AFTER, "lookups[0].after"): [
        ("{}", ".gai_conf", "this required field"),
        ("{gai_conf: ~, mtime: same}", ".mtime", "a file that is removed"),
    ],
    (GAI, "gai_conf"): [
        ("{file: /etc/passwd}", ".file", "letters, digits, '.', '_' and '-', the first"),
        ("{file: ../x.conf}", ".file", "letters, digits, '.', '_' and '-', the first"),
        ("{file: secret.txt}", ".file", "ends in .conf"),
        ("{file: none.conf}", ".file", "one of the catalogue"),
        ("prefer-ipv4.conf", "", "of the catalogue (got 'prefer-ipv4.conf')"),
        ("/etc/gai.conf", "", "{file: NAME} with a file beside"),
        (f'"{"#" * 65537}"', "", "at most 65536 characters"),
    ],
}
MANY = "- name: web\n" * 63
# the file, the field named, a part of what was expected
BAD: list[tuple[str | bytes, str, str]] = [
    ("", "document", "a mapping with name, host and lookups (got an empty file)"),
    ("- a\n- b\n", "document", "a mapping"),
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
    ("name: x\nnames: {web: [::1]}\n", "document", "beginning or ending with ':' needs quotes"),
    (f"name: x\n{HOST}names:\n  web:\n    - 2001:db8::\n{LOOKUPS}",
     "names.web[0]", "begins or ends with ':' needs quotes"),
    ("<<: {name: x}\n", "document", "quotes around"),
    (f"{HOST}{LOOKUPS}", "name", "this required field"),
    (f"name: x\n{HOST}lookups: []\n", "lookups", "at least 1 entry"),
    (f"name: a/b\n{HOST}{LOOKUPS}", "name", "letters, digits, '.', '_' and '-', the first"),
    (f"name: 7\n{HOST}{LOOKUPS}", "name", "text in quotes (got 7)"),
    (f"name: x\n{HOST}lookups: [web]\n", "lookups[0]", "a mapping with name, service, hints, "),
    (f"name: x\nhost: {{routes: [1]}}\n{LOOKUPS}", "host.routes[0]", "a mapping with to (got 1)"),
    (f"name: x\nhost: {{interfaces: [a]}}\n{LOOKUPS}", "host.interfaces", "a mapping (got a list"),
    (f"name: x\ncommand: reboot\n{HOST}{LOOKUPS}", "command", "one of the keys"),
    (f"name: x\n{HOST}{LOOKUPS}resolver: nis\n", "resolver", "'dns', 'nss' or 'nss_by_family'"),
    (f"name: x\n{HOST}{LOOKUPS}netlink: refused\nname_service: {{hosts: myhostname}}\n",
     "netlink", "which myhostname needs"),
    (f"name: x\n{HOST}{LOOKUPS}dns: {{first_reply: AAAA}}\n", "dns", "no dns settings"),
    (f"name: x\n{HOST}lookups: 7\n", "lookups", "a list (got 7)"),
    (f"name: x\n{HOST}resolver: dns\nnames: {{n0: [192.0.2.1]}}\nlookups: [{{name: 'n\\0480'}}]\n",
     "lookups[0].name", "a name without \\, by which a question to DNS escapes"),
    (f"name: x\n{HOST}lookups:\n{MANY}- {{name: web, after: {{gai_conf: ''}}}}\n- name: web\n",
     "lookups", "at most 64 look-ups where one has after (got 65)"),
    *((form.replace("@", part), place + field, said)
      for (form, place), rows in PARTS.items() for part, field, said in rows),
]
# fmt: on


@pytest.mark.parametrize(
    ("text", "field", "expected"), BAD, ids=[f"{field}: {said}" for _, field, said in BAD]
)
def test_one_line_names_all(tmp_path: Path, text: str | bytes, field: str, expected: str) -> None:
    error = refusal(tmp_path, text)
    line, path = str(error), error.file
    assert line.isprintable()
    assert line.startswith(f"{tmp_path}/example.yaml:")
    assert line.startswith(f"{path}:{error.line}: " if error.line else f"{path}: ")
    assert field in error.field
    assert f": {error.field}: expected " in line
    assert expected in line, line
    assert len(line) < 600 + len(str(path))


def test_a_chain_of_eight_aliases_may_be(tmp_path: Path) -> None:
    chain = CHAIN.replace(", n8: n9", "")
    dns = f"hosts: dns, dns: {{names: {{n8: [192.0.2.1], web: [192.0.2.2]}}, aliases: {chain}}}"
    loaded(tmp_path, SERVICE.replace("@", dns))


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
        assert expected in str(refusal(folder, GAI.replace("@", f"{{file: {name}}}")))


# --- a name that nobody knows is mistyped, unless the file says that it is meant

TEXT = """name: x
host: {interfaces: {eth0: {addresses: [192.0.2.2/24]}}}
names: {web: [192.0.2.7], other.example: [192.0.2.8]}
lookups:
  - {name: web}
  - {@}
"""


@pytest.mark.parametrize(("name", "perhaps"), [
    ("wbe", "; did you mean 'web'?"), ("other.exmple", "; did you mean 'other.example'?"),
    ("nothing-like-it", ""),
])  # fmt: skip
def test_a_mistyped_name_is_an_error_of_the_file(tmp_path: Path, name: str, perhaps: str) -> None:
    error = refusal(tmp_path, TEXT.replace("@", f"name: {name}"))
    assert (error.line, error.field) == (6, "lookups[1].name")
    assert str(error).endswith(
        "expected a name that names has, or expect: {error: EAI_NONAME} where nobody shall know"
        f" it{perhaps} (got '{name}')"
    )


@pytest.mark.parametrize("lookup", [
    "name: WEB", "name: web.", "name: 192.0.2.99", "name: '127.1'", "name: '2001:db8::9'",
    "name: fe80::1%eth0", "name: localhost", f"name: {HOSTNAME}", "name: '*', service: '80'",
    "service: '80'", "name: nobody.invalid", "name: wbe, expect: {error: EAI_NONAME}",
    "name: wbe, expect: [{error: EAI_NODATA, glibc: '<2.29'}, {error: EAI_NONAME}]",
])  # fmt: skip
def test_what_is_no_mistyped_name(tmp_path: Path, lookup: str) -> None:
    assert len(loaded(tmp_path, TEXT.replace("@", lookup)).scenario.lookups) == 2


def test_an_expected_order_says_nothing_of_an_unknown_name(tmp_path: Path) -> None:
    refusal(tmp_path, TEXT.replace("@", "name: wbe, expect: {order: [192.0.2.7]}"))


def test_every_service_of_the_name_service_counts(tmp_path: Path) -> None:
    service = "name_service: {hosts: files nss, files: [192.0.2.7 web www], nss: {db: [192.0.2.8]}}"
    text = TEXT.replace("names: {web: [192.0.2.7], other.example: [192.0.2.8]}", service)
    for known in ("www", "db"):
        loaded(tmp_path, text.replace("@", f"name: {known}"))
    # a service that the line does not ask knows nothing
    refusal(tmp_path, text.replace("files nss", "files").replace("@", "name: db"))
    error = str(refusal(tmp_path, text.replace("@", "name: wwww")))
    assert "a name that name_service has, or" in error
    assert "did you mean 'www'?" in error


def test_the_own_name_is_that_of_the_sandbox() -> None:
    assert Host().hostname == HOSTNAME
    assert Host(hostname="my_host").hostname == "my_host"  # as a compose project has them


def test_myhostname_has_names_that_no_list_has(tmp_path: Path) -> None:
    text = TEXT.replace(
        "names: {web: [192.0.2.7], other.example: [192.0.2.8]}",
        "name_service: {hosts: files myhostname, files: [192.0.2.7 web]}",
    )
    for known in ("sandbox", "a.localhost", "_gateway", "_OUTBOUND."):
        loaded(tmp_path, text.replace("@", f"name: {known}"))
    for unknown in ("_gatway", "x.sandbox", "gateway"):
        refusal(tmp_path, text.replace("@", f"name: {unknown}"))
