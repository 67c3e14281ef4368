"""Every command's options, each declared once, and the types of their values."""

import argparse
import re
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TypeVar

from harness.advice.lint import CODES
from harness.cli.parser import Joined
from harness.model.host import address_text
from harness.report.formats import FORMATS

T = TypeVar("T")
LOCAL = "local"  # processes of this host: no Dask, and so no port that others can use


def checked(wanted: str, read: Callable[[str], T | None]) -> Callable[[str], T]:
    """The type of what ``read`` makes of a text; None or a ValueError says it is none."""

    def convert(text: str) -> T:
        with suppress(ValueError):
            value = read(text)
            if value is not None:
                return value
        raise argparse.ArgumentTypeError(f"{wanted} was expected, got {text!r}")

    return convert


def given(what: str) -> Callable[[str], str]:
    """The type of a text that is not empty; a file's name stays as it was written."""
    return checked(f"a {what}", lambda text: text or None)


def whole(least: int, most: int = 10**20 - 1) -> Callable[[str], int]:
    """The type of a whole number from ``least`` to ``most``, by default of at most 20 digits."""
    limits = f"from {least}" + (f" to {most}" if most < 10**20 - 1 else "")

    def read(text: str) -> int | None:
        fits = text.isdecimal() and len(text) <= 20 and least <= int(text) <= most
        return int(text) if fits else None

    return checked(f"a number {limits}", read)


def _address(text: str) -> str:
    """An address as outputs show it, with its zone; brackets, which a line may need, are taken."""
    bare, percent, zone = str(
        ip_address(text.strip().removeprefix("[").removesuffix("]"))
    ).partition("%")
    return address_text(ip_address(bare)) + percent + zone


def addresses(text: str) -> tuple[str, ...]:
    """Addresses with commas between, each in its normal form."""
    return tuple(map(address, text.split(",")))


def keep(text: str) -> tuple[str, tuple[str, ...]] | None:
    """NAME or NAME=A,B: a look-up, and the addresses that come first in it, if any."""
    name, _, order = text.rpartition("=")
    with suppress(argparse.ArgumentTypeError):
        if name:  # a title, too, may have an equals sign
            return name, addresses(order)
    return (text, ()) if text else None


def _report(text: str) -> tuple[str, str] | None:
    name, _, file = text.partition("=")
    return (name, file) if name in FORMATS and file else None


def _scheduler(text: str) -> str | None:
    known = text == LOCAL or re.fullmatch(r"(?:[a-z]+://)?[^\s/]+:[0-9]{1,5}", text)
    return text if known else None


# argparse takes -4 for an argument, and no host's name begins with a hyphen
name = checked("a name", lambda text: None if text.startswith("-") else text or None)
# an empty path is a variable that was not set, not this folder
path = checked("a path", lambda text: Path(text) if text else None)
picture = checked(
    "a file named .svg or .png",
    lambda text: Path(text) if Path(text).suffix in (".svg", ".png") else None,
)
address = checked("an address", _address)
seconds = checked(
    "a number of seconds from 0.001 to 3600",
    lambda text: float(text) if 0.001 <= float(text) <= 3600 else None,
)
code = checked("a code of lint, such as GAI012,", lambda text: text if text in CODES else None)
report = checked(f"FORMAT=FILE ({', '.join(FORMATS)})", _report)
scheduler = checked("local or an address such as tcp://host:8786", _scheduler)

TLS = {
    "ca": "the certificates that the scheduler's must be signed by",
    "cert": "the certificate that this command shows the scheduler",
    "key": "its key, where FILE of --tls-cert does not hold it too",
}
SCHEMAS = (
    "scenario", "results", "explain", "whatif", "suggest", "kubelet", "bench", "fuzz", "doctor",
    "lint", "probe",
)  # fmt: skip


class _Format(argparse.Action):
    """``--format json`` where a command has ``--json``."""

    def __call__(self, _parser: object, options: argparse.Namespace, value: Any, *_: Any) -> None:
        options.json = value == "json"


Option = tuple[list[str], dict[str, Any]]
"""An option as argparse takes it: its spellings, and the words of ``add_argument``."""

_SHARED: dict[str, tuple[str, dict[str, Any]]] = {
    "arch": ("--arch", {"metavar": "ARCH"}),
    "format": ("--format", {"choices": ("text", "json"), "default": "text",
                            "help": "text (default) or json"}),
    "gai-conf": ("--gai-conf", {"action": "append", "default": [], "metavar": "FILE",
                                "help": "as for run"}),
    "glibc": ("--glibc", {"action": Joined, "default": "host", "metavar": "VERSION,…|all",
                          "help": "as for run (default host)"}),
    "jobs": ("-j --jobs", {"type": whole(1, 256), "metavar": "N",
             "help": "hosts examined at the same time (default: the number of processors)"}),
    "json": ("--json", {"action": "store_true", "help": "write JSON"}),
    "lookup": ("--lookup", {"metavar": "NAME"}),
    "output": ("-o --output", {"metavar": "FILE"}),
    "scenario": ("--scenario --snapshot", {"dest": "scenario", "type": path, "metavar": "FILE"}),
    "suite": ("--suite", {"metavar": "NAME"}),
}  # fmt: skip


def option(spellings: str, meaning: str | None, **words: Any) -> Option:
    """An option or argument of one command: its spellings, its help and argparse's other words."""
    return spellings.split(), {"help": meaning, **words}


def flag(spellings: str, meaning: str) -> Option:
    """An option without a value."""
    return option(spellings, meaning, action="store_true")


def shared(name: str, meaning: str | None = None, **changes: Any) -> Option:
    """An option of several commands; ``meaning`` is its help where that differs."""
    spellings, words = _SHARED[name]
    return spellings.split(), {**words, **({"help": meaning} if meaning else {}), **changes}


# the same two words on every command that writes JSON
_AS_JSON = option(
    "--json",
    "short for --format json",
    dest="format",
    action="store_const",
    const="json",
    default=argparse.SUPPRESS,
)
_JSON_AS_FORMAT = option(
    "--format",
    "text (default) or json",
    dest="json",
    action=_Format,
    choices=("text", "json"),
    default=argparse.SUPPRESS,
)
_BUILDS = shared("glibc", "the builds to run on: host (default), 2.31, 2.41,host, a folder, all")
_SCHEDULER: tuple[Option, ...] = (
    option("--scheduler", "spread the work over the Dask cluster of this scheduler"
           " (tls://host:8786), which needs the extra 'cluster'; or over --jobs processes of"
           " this host", type=scheduler, metavar="ADDRESS|local"),
    *(option(f"--tls-{name}", f"with --scheduler: {meaning}", metavar="FILE")
      for name, meaning in TLS.items()),
)  # fmt: skip

OPTIONS: dict[str, tuple[Option | str, ...]] = {
    "doctor": (
        shared("format"),
        _AS_JSON,
        flag("--network", "also ask the distribution's mirrors whether they answer; nothing is"
             " downloaded but the signed release file of each suite"),
    ),
    "run": (
        option("scenarios", "scenario files or folders of them; the built-in library when none is"
               " given", nargs="*", metavar="SCENARIO", type=path),
        flag("--list", "list the scenarios and suites, and what each shows, and run nothing"),
        shared("suite",
               "run a generated suite: rule9 (thousands of comparisons), findings or smoke"),
        shared("glibc",
               "the builds to run on: host (default), 2.31, 2.36:s390x, 2.41,host, a folder, all"),
        option("--against", "run on this build too, and list every look-up that a build of --glibc"
               " answers in another order, by the rules that decided", metavar="BUILD"),
        option("--lane", "how glibc is called: in process through cffi (the host's glibc), by the"
               " worker program in a private root (any), or both; auto takes cffi for the host",
               choices=("auto", "cffi", "worker", "both"), default="auto"),
        shared("gai-conf", "use this gai.conf instead of the scenario's; may be given several"
               " times; a name of the catalogue works, as does 'none'"),
        shared("format", "; ".join(f"{name}: {summary}" for name, (summary, _) in FORMATS.items()),
               choices=tuple(FORMATS)),
        _AS_JSON,
        flag("-q --quiet", "text: only what fails or differs between builds, and the totals"),
        flag("-v --verbose", "text: every look-up with its orders and rules, on a terminal too,"
             " which else gets a line for each scenario of a library, suite or folder that is as"
             " expected"),
        shared("output", "write there, not to the terminal", type=given("file")),
        option("--report", "write a further report of the same run; may be given several times",
               action="append", default=[], type=report, metavar="FORMAT=FILE"),
        shared("jobs"),
        option("--timeout", "a look-up that takes longer is an error (default 10)",
               type=seconds, default=10.0, metavar="SECONDS"),
        option("--baseline", "accept the differences that this file lists, and fail on others only",
               metavar="FILE", type=given("file")),
        flag("--update-baseline", "write every difference of this run into the file, and take out"
             " what is gone"),
        flag("--baseline-strict", "fail, too, when an entry of the file is not needed any more"),
        *_SCHEDULER,
    ),
    "explain": (
        option("what", "host names, looked up on this host as it is; or scenario files, or"
               " names of the built-in library; with --service none is needed",
               nargs="*", metavar="NAME|SCENARIO", type=given("name")),
        option("--pair", "also say which rule tells these two addresses apart",
               nargs=2, metavar=("A", "B"), type=address),
        shared("json"),
        _JSON_AS_FORMAT,
        "for host names, as in getaddrinfo(3)",
        option("--service", "a service name or port"),
        option("--family", None, choices=("unspec", "inet", "inet6")),
        option("-4", "short for --family inet", action="store_const", const="inet", dest="family"),
        option("-6", "short for --family inet6", action="store_const", const="inet6",
               dest="family"),
        option("--socktype", "default stream",
               choices=("any", "stream", "dgram", "raw", "seqpacket", "dccp")),
        option("--protocol", None, type=int, metavar="NUMBER"),
        option("--flags", "AI_ADDRCONFIG and so on; may be given several times or with commas",
               action="append", default=[], metavar="AI_…"),
        "for scenarios",
        shared("lookup", "only the look-ups of this name or title; may be given several times",
               action="append", default=[]),
        shared("glibc", default=None),
        shared("gai-conf"),
        flag("--trace", "record the system calls of the real glibc with strace and compare the"
             " sources"),
        option("--pcap", "write the netlink traffic of the look-ups there (needs the kernel's"
               " nlmon device)", metavar="FILE", type=path),
    ),
    "whatif": (
        option("names", "the names to look up; with --scenario only its look-ups of these names;"
               " scenario files and names of the library count as given with --scenario",
               nargs="*", metavar="NAME", type=name),
        shared("scenario", "try it on this scenario or snapshot (a file, a folder, a name of the"
               " library), not on a copy of this host; may be given several times",
               dest="scenarios", action="append", default=[]),
        shared("gai-conf", "the file to try: a path, a name of the catalogue, or 'none' for no"
               " file", action="store", default=None, metavar="NEW"),
        option("--set", "put this line in front of the file (the present one, or NEW) and try"
               " that; may be given several times",
               dest="lines", action="append", default=[], metavar="LINE"),
        shared("glibc"),
        flag("--expect-unchanged", "end with status 1 when an order changes"),
        shared("json"),
        _JSON_AS_FORMAT,
    ),
    "fuzz": (
        option("--seconds", "stop after so many seconds (default 60)", type=whole(1), metavar="N"),
        option("--cases", "stop after so many cases; a case is one look-up under one gai.conf on"
               " one glibc", type=whole(1), metavar="N"),
        option("--seed", "the same seed gives the same cases, whatever --jobs is (default 1)",
               type=whole(0), default=1, metavar="S"),
        _BUILDS,
        shared("jobs"),
        shared("output", "where the scenario files of disagreements go (default: fuzz-found)",
               default="fuzz-found", metavar="DIR"),
        shared("json", "report as JSON"),
        _JSON_AS_FORMAT,
        *_SCHEDULER,
    ),
    "bench": (
        shared("glibc", "the builds to measure: host (default), 2.31, 2.41,host, a folder, all"),
        shared("json", "report as JSON, in seconds"),
        _JSON_AS_FORMAT,
        option("--plot", "draw cost against number of destinations into FILE.svg, or FILE.png"
               " with the extra 'plot'", type=picture, metavar="FILE"),
        flag("--quick", "a tenth of the measuring, and less certainty"),
    ),
    "kubelet": (
        option("what", "the node's name, as with --node-name; or a scenario, as with --scenario",
               nargs="?", metavar="NODE|SCENARIO", type=name),
        shared("scenario",
               "a scenario or snapshot, or a name of the built-in library; this host otherwise"),
        option("--node-name", "the machine's name, which becomes the node's (default: the Node"
               " object's, the scenario's first look-up, or this host's)", metavar="NAME"),
        option("--hostname-override", "kubelet's flag", default="", metavar="NAME"),
        option("--node-ip", "kubelet's flag: an address, an IPv4 and an IPv6 one, or 0.0.0.0 or ::"
               " for a family", default="", metavar="A[,B]"),
        option("--family", "the preferred family: short for --node-ip 0.0.0.0 or ::",
               choices=("inet", "inet6")),
        option("--kubelet-version", "such as 1.17 (default: the Node object's, or a recent one)",
               metavar="V"),
        option("--resolver", "whom kubelet asks: glibc through cgo, Go's own resolver, or auto,"
               " which follows nsswitch.conf as a kubelet built with cgo does (default: cgo for a"
               " scenario, else auto)", choices=("auto", "cgo", "go")),
        shared("glibc", "with --scenario: as for run"),
        option("--node", "compare with a Node object: kubectl get node NAME -o json, the raw value"
               " etcd stores (etcdctl get --print-value-only), or etcdctl get -w json",
               metavar="FILE|-"),
        option("--want", "the InternalIP it should be (default: the one the default route gives)",
               metavar="A[,B]", type=addresses, action="extend", default=[]),
        shared("json"),
        _JSON_AS_FORMAT,
    ),
    "suggest": (
        option("name", "the name to look up, on a copy of this host; or a scenario",
               nargs="?", metavar="NAME", type=name),
        option("--want", "the addresses wanted first, in this order",
               required=True, metavar="A,B,…", type=addresses, action="extend"),
        shared("scenario", "do it for this scenario or snapshot (a file or a name of the library)"),
        shared("lookup", "the scenario's look-up of this name or title (as run shows it), or its"
               " number from 1; needed where it has several", metavar="NAME|NUMBER"),
        option("--keep", "a change must leave this look-up as it is, or give it this order; may be"
               " given several times. The others are kept where a change can do so",
               action="append", default=[], metavar="NAME[=A,B,…]",
               type=checked("a look-up, NAME or NAME=A,B,…", keep)),
        flag("--no-keep", "the other look-ups may change"),
        shared("glibc", "the builds that must all give the order, as for run (default host)"),
        shared("json"),
        _JSON_AS_FORMAT,
    ),
    "lint": (
        option("files", "gai.conf files; - is stdin", nargs="+", metavar="FILE"),
        shared("format", "text (default), json, or GitHub's workflow annotations",
               choices=("text", "json", "github")),
        _AS_JSON,
        option("--accept", "this finding is meant: do not report it; may be given several times."
               " A comment in the file does it with a reason: # gai-harness: accept GAI012 REASON",
               action="append", default=[], metavar="GAI012", type=code),
    ),
    "glibc": (),
    "glibc list": (shared("format"), _AS_JSON),
    "glibc fetch": (
        option("versions", "a version, 2.31 or 2.36:armhf, a suite, bookworm, or all",
               nargs="*", metavar="VERSION"),
        flag("--all", "every version the distribution has, as the word all"),
        shared("suite", "what this suite carries; may be given several times",
               action="append", default=[], metavar="SUITE"),
        shared("arch", "for other architectures, by Debian's names, or all", metavar="ARCH,…",
               action=Joined),
        flag("--refresh", "fetch again what is in the cache"),
    ),
    "glibc add": (
        option("directory", "a root file system, an install prefix, an unpacked image",
               metavar="DIR", type=path),
        option("--name", "what to call it (default: the directory's name)"),
        shared("arch", "which one to take where there are several"),
        option("--row", "it differs from its version in this row of the dialect table, as"
               " gaiconf_numbers_checked=true; may be given several times", action="append",
               default=[], metavar="NAME=VALUE"),
        option("--no-probe", "do not run the library on it to see which rows it follows",
               dest="probe", action="store_false"),
    ),
    "glibc probe": (
        option("build", "the build, as for run --glibc", metavar="BUILD"),
        shared("json"),
        _JSON_AS_FORMAT,
    ),
    "glibc remove": (
        option("versions", "a version, a name, an id of glibc list, or all",
               nargs="+", metavar="VERSION"),
    ),
    "snapshot": (
        option("names", "the names to look up", nargs="+", metavar="NAME"),
        shared("output", "write there (default: the terminal)"),
        flag("--redact", "replace names and addresses such that every rule still decides the same"),
        flag("--no-check",
             "do not build the copy in a sandbox to see whether it behaves as the host"),
    ),
    "schema": (
        option("--of", "scenario: the files that are read (default); results: what run --format"
               " json writes; the others: what these commands write as JSON",
               choices=SCHEMAS, default="scenario"),
    ),
    "completion": (option("shell", "the shell it is for", choices=("bash", "zsh", "fish")),),
}  # fmt: skip
"""The options of each command and action; a text begins a group of that title."""

_ACTIONS = {
    "glibc": {
        "list": "the builds there are",
        "fetch": "fetch builds as packages of this distribution",
        "add": "take the glibc out of a directory into the cache",
        "probe": "say which rows of the dialect table a build really follows",
        "remove": "remove builds from the cache",
    }
}
_EPILOGS = {
    "doctor": "exit status: 0 when gai-harness run can do its job on this host, 3 when it cannot",
    "snapshot": "Nothing is changed and no root is needed. What a copy cannot have is listed in the"
    " file under left_out. Replay it with: gai-harness run FILE",
    "schema": "The schema is draft 2020-12; editors with a YAML language server check and"
    " complete scenario files with it.",
    "completion": "to have it in every new shell:\n"
    "  bash  echo '. <(gai-harness completion bash)' >>~/.bashrc\n"
    "  zsh   echo '. <(gai-harness completion zsh)' >>~/.zshrc, behind compinit\n"
    "  fish  gai-harness completion fish >~/.config/fish/completions/gai-harness.fish",
}


def declare(parser: argparse.ArgumentParser, command: str) -> None:
    """Give a parser all that a command, or an action of one ("glibc fetch"), takes."""
    place: argparse._ActionsContainer = parser
    for one in OPTIONS[command]:
        if isinstance(one, str):
            place = parser.add_argument_group(one)
        else:
            place.add_argument(*one[0], **one[1])
    parser.epilog = epilog = _EPILOGS.get(command)
    if epilog and "\n" in epilog:
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
    if actions := _ACTIONS.get(command):
        below = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
        for name, meaning in actions.items():
            declare(below.add_parser(name, allow_abbrev=False, help=meaning), f"{command} {name}")
