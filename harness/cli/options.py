"""Every command's options, each declared once."""

import argparse
from typing import Any

from harness.cli import values
from harness.cli.parser import COMMAND, Joined, Once
from harness.report.formats import DOCUMENTS, FORMATS

TLS = {
    "ca": "the certificates that the scheduler's must be signed by",
    "cert": "the certificate that this command shows the scheduler",
    "key": "its key, where FILE of --tls-cert does not hold it too",
}

Option = tuple[list[str], dict[str, Any]]
"""An option as argparse takes it: its spellings, and the words of ``add_argument``."""


def option(spellings: str, meaning: str | None, **words: Any) -> Option:
    """An option or argument of one command: its spellings, its help and argparse's other words."""
    return spellings.split(), {"help": meaning, **words}


def flag(spellings: str, meaning: str) -> Option:
    """An option without a value."""
    return option(spellings, meaning, action="store_true")


_SHARED = {
    "arch": option("--arch", None, metavar="ARCH"),
    "format": option("--format", "text (default) or json", choices=("text", "json"),
                     default="text"),
    "json": option("--json", "short for --format json", dest="format", action="store_const",
                   const="json", default=argparse.SUPPRESS),
    "gai-conf": option("--gai-conf", "as for run", action="extend", default=[], metavar="FILE",
                       type=values.files),
    "fetch": flag("--fetch", "fetch the builds that are missing first, as glibc fetch does"),
    "glibc": option("--glibc", "as for run (default host)", action=Joined, default="host",
                    metavar="VERSION,…|all"),
    "in": option("--in", None, action=Once, dest="inside", type=values.process,
                 metavar="pid:NUMBER"),
    "jobs": option("-j --jobs", "hosts examined at the same time (default: the number of"
                   " processors)", type=values.whole(1, 256), metavar="N"),
    "resolver": option("--resolver", "whose getaddrinfo is asked: glibc (default, the builds of"
                       " --glibc), musl, c-ares, go, one version of it (musl=1.2.3), or all",
                       action=Joined, default="glibc", metavar="NAME,…|all"),
    "lookup": option("--lookup", None, action="append", default=[], metavar="NAME|NUMBER"),
    "output": option("-o --output", None, metavar="FILE"),
    "scenario": option("--scenario --snapshot", "a scenario, whatever its name is like; all"
                       " arguments are names then", dest="scenarios", action="append", default=[],
                       type=values.path, metavar="SCENARIO"),
    "suite": option("--suite", None, action="extend", default=[], type=values.words,
                    metavar="SUITE"),
}  # fmt: skip
"""The options of several commands, by name; "format" and "json" are on all that write JSON."""


def shared(name: str, meaning: str | None = None, **changes: Any) -> Option:
    """An option of several commands, of which one has another ``meaning`` or other words."""
    spellings, words = _SHARED[name]
    return spellings, {**words, **({"help": meaning} if meaning else {}), **changes}


def _subjects(names: str, metavar: str = "NAME|SCENARIO") -> Option:
    """The argument that is about hosts: names on this one, or scenarios."""
    meaning = (
        f"names, {names}; or scenarios (files, folders, names of the built-in library), of which"
        " a name beside them picks the look-ups"
    )
    return option("what", meaning, nargs="*", metavar=metavar, type=values.name)


_BUILDS = shared(
    "glibc", "the builds to run on: host (default), 2.31, 2.41,host, a folder, an image, all"
)
_SCHEDULER: tuple[Option, ...] = (
    option("--scheduler", "spread the work over the Dask cluster of this scheduler"
           " (tls://host:8786), which needs the extra 'cluster'; or over --jobs processes of"
           " this host", type=values.scheduler, metavar="ADDRESS|local"),
    *(option(f"--tls-{name}", f"with --scheduler: {meaning}", metavar="FILE")
      for name, meaning in TLS.items()),
)  # fmt: skip

OPTIONS: dict[str, tuple[Option | str, ...]] = {
    "doctor": (
        "format", "json",
        flag("--network", "also ask the distribution's mirrors whether they answer; nothing is"
             " downloaded but the signed release file of each suite"),
    ),
    "run": (
        option("scenarios", "scenario files or folders of them; the built-in library when none is"
               " given", nargs="*", metavar="SCENARIO", type=values.path),
        flag("--list", "list the scenarios and suites, and what each shows, and run nothing"),
        shared("suite", "run a generated suite: rule9 (thousands of comparisons), findings or"
               " smoke; several with commas"),
        shared("glibc",
               "the builds to run on: host (default), 2.31, 2.36:s390x, 2.41,host, a folder, all"),
        "resolver", "fetch",
        option("--against", "run on this build too, and list every look-up that a build of --glibc"
               " answers in another order, by the rules that decided", metavar="BUILD"),
        option("--lane", "how glibc is called: in process through cffi (the host's glibc), by the"
               " worker program in a private root (any), or both; auto takes cffi for the host",
               choices=("auto", "cffi", "worker", "both"), default="auto"),
        shared("gai-conf", "use this gai.conf instead of the scenario's, or each of several with"
               " commas; a name of the catalogue works, as does 'none'"),
        shared("format", "; ".join(f"{name}: {summary}" for name, (summary, _) in FORMATS.items()),
               choices=tuple(FORMATS)),
        "json",
        flag("-q --quiet", "text: only what fails or differs between builds, and the totals"),
        flag("-v --verbose", "text: every look-up with its orders and rules, on a terminal too,"
             " which else gets a line for each scenario of a library, suite or folder that is as"
             " expected"),
        shared("output", "write there, not to the terminal", type=values.given("file")),
        option("--report", "write a further report of the same run; may be given several times",
               action="append", default=[], type=values.report, metavar="FORMAT=FILE"),
        "jobs",
        option("--timeout", "a look-up that takes longer is an error (default 10)",
               type=values.seconds, default=10.0, metavar="SECONDS"),
        option("--baseline", "accept the differences that this file lists, and fail on others only",
               metavar="FILE", type=values.given("file")),
        flag("--update-baseline", "write every difference of this run into the file, and take out"
             " what is gone"),
        flag("--baseline-strict", "fail, too, when an entry of the file is not needed any more"),
        *_SCHEDULER,
    ),
    "explain": (
        _subjects("looked up on this host as it is; with --service none is needed"),
        option("--pair", "also say which rule tells these two addresses apart",
               metavar="A,B", action=Once, type=values.pair),
        "format", "json",
        "for host names",
        shared("in", "look them up in the network of this process, with its /etc and its glibc:"
               " live where that is this host's, else on a copy"),
        "for host names, as in getaddrinfo(3)",
        option("--service", "a service name or port", action=Once),
        option("--family", None, action=Once, choices=("unspec", "inet", "inet6")),
        option("-4", "short for --family inet", action=Once, nargs=0, const="inet",
               dest="family"),
        option("-6", "short for --family inet6", action=Once, nargs=0, const="inet6",
               dest="family"),
        option("--socktype", "default stream", action=Once,
               choices=("any", "stream", "dgram", "raw", "seqpacket", "dccp")),
        option("--protocol", None, action=Once, type=int, metavar="NUMBER"),
        option("--flags", "AI_ADDRCONFIG and so on; may be given several times or with commas",
               action="append", default=[], metavar="AI_…"),
        option("--as", "with the hints of this program, where no others are given; getent shows its"
               " four questions side by side", action=Once,
               choices=(values.GETENT, *values.PROGRAMS)),
        "with a scenario; a name is looked up on a copy of this host then",
        shared("glibc", default=None),
        shared("resolver", default=None),
        "fetch", "gai-conf",
        "for scenarios",
        shared("lookup", "only the look-ups of this name or title (as run shows it), or this number"
               " from 1; may be given several times"),
        flag("--trace", "record the system calls of the real glibc with strace and compare the"
             " sources"),
        option("--pcap", "write the netlink traffic of the look-ups there (needs the kernel's"
               " nlmon device)", metavar="FILE", type=values.path),
    ),
    "whatif": (
        _subjects("tried on a copy of this host"),
        "scenario",
        shared("gai-conf", "the file to try: a path, a name of the catalogue, or 'none' for no"
               " file; several with commas", metavar="NEW"),
        option("--set", "put this line in front of the file (the present one, or NEW) and try"
               " that; may be given several times",
               dest="lines", action="append", default=[], metavar="LINE"),
        "glibc", "resolver", "fetch",
        flag("--expect-unchanged", "end with status 1 when an order changes"),
        "format", "json",
    ),
    "watch": (
        _subjects("looked up by the command in a copy of this host"),
        option(COMMAND, "the command and its arguments: it runs as you, in the copy's network and"
               " with its names, and sees this host's files; nobody listens on any port there",
               nargs="*", metavar="-- COMMAND"),
        "scenario",
        shared("gai-conf", "with this gai.conf in the place of the copy's: a path, a name of the"
               " catalogue, or 'none' for no file", action=Once, default=None,
               type=None),
        option("--timeout", "end the command and all that it started after so long (default 30)",
               type=values.seconds, default=30.0, metavar="SECONDS"),
        "format", "json",
    ),
    "fuzz": (
        option("--seconds", "stop after so many seconds (default 60)", type=values.whole(1),
               metavar="N"),
        option("--cases", "stop after so many cases; a case is one look-up under one gai.conf on"
               " one glibc", type=values.whole(1), metavar="N"),
        option("--seed", "the same seed gives the same cases, whatever --jobs is (default 1)",
               type=values.whole(0), default=1, metavar="S"),
        option("--draw", "what is drawn: everything (default), or only the hosts with whole name"
               " services, which are one in nine", choices=("all", "services"), default="all"),
        _BUILDS,
        "resolver", "fetch", "jobs",
        shared("output", "where the scenario files of disagreements go (default: fuzz-found)",
               default="fuzz-found", metavar="DIR"),
        "format", "json",
        *_SCHEDULER,
    ),
    "bench": (
        shared("glibc", "the builds to measure: host (default), 2.31, 2.41,host, a folder, all"),
        "fetch",
        "format", "json",
        option("--plot", "draw cost against number of destinations into FILE.svg, or FILE.png"
               " with the extra 'plot'", type=values.picture, metavar="FILE"),
        flag("--quick", "a tenth of the measuring, and less certainty"),
        option("--floor", "end with status 1 when a ratio reaches less than this share of its goal"
               " (default 0: never)", type=values.share, default=0.0, metavar="SHARE"),
    ),
    "kubelet": (
        _subjects("the node's, as with --node-name", metavar="NODE|SCENARIO"),
        "scenario",
        option("--node-name", "the machine's name, which becomes the node's (default: the Node"
               " object's, the scenario's hostname where it is looked up or else its first look-up,"
               " or this host's)", metavar="NAME"),
        option("--hostname-override", "kubelet's flag", default="", metavar="NAME"),
        option("--node-ip", "kubelet's flag: an address, an IPv4 and an IPv6 one, or 0.0.0.0 or ::"
               " for a family", action=Joined, default="", metavar="A[,B]"),
        option("--family", "the preferred family: short for --node-ip 0.0.0.0 or ::",
               action=Once, choices=("inet", "inet6")),
        option("--kubelet-version", "such as 1.17 (default: the Node object's, or a recent one)",
               metavar="V"),
        option("--resolver", "whom kubelet asks: glibc through cgo, Go's own resolver, or auto"
               " (default), what Go built with cgo does by the host's nsswitch.conf; a scenario's"
               " 'resolver: files' stands there for 'hosts: files', dns for 'hosts: dns'",
               choices=("auto", "cgo", "go")),
        shared("glibc", "with a scenario: as for run"),
        "fetch",
        option("--node", "compare with a Node object: kubectl get node NAME -o json, the raw value"
               " etcd stores (etcdctl get --print-value-only), or etcdctl get -w json",
               metavar="FILE|-"),
        option("--want", "the InternalIP it should be: says whether it is, and tries the --node-ip"
               " that gives it", metavar="A[,B]", type=values.addresses, action="extend",
               default=[]),
        "format", "json",
    ),
    "suggest": (
        _subjects("looked up on a copy of this host"),
        option("--want", "the addresses wanted first, in this order",
               required=True, metavar="A,B,…", type=values.addresses, action="extend"),
        "scenario",
        shared("lookup", "as for explain; needed where the scenario has several"),
        option("--keep", "a change must leave this look-up as it is, or give it this order; may be"
               " given several times. The others are kept where a change can do so",
               action="append", default=[], metavar="NAME[=A,B,…]",
               type=values.checked("a look-up, NAME or NAME=A,B,…", values.keep)),
        flag("--no-keep", "the other look-ups may change"),
        shared("output", "write the whole gai.conf suggested there"),
        shared("glibc", "the builds that must all give the order, as for run (default host)"),
        "fetch",
        "format", "json",
    ),
    "lint": (
        option("files", "gai.conf files, or names of the catalogue; - is stdin",
               nargs="+", metavar="FILE"),
        shared("format", "text (default), json, or GitHub's workflow annotations",
               choices=("text", "json", "github")),
        "json",
        option("--accept", "these findings are meant: do not report them; may be given several"
               " times. A comment in the file does it with a reason: # gai-harness: accept GAI012"
               " REASON", action="extend", default=[], type=values.codes,
               metavar="GAI012[,GAI014]"),
    ),
    "glibc": (),
    "glibc list": ("format", "json"),
    "glibc fetch": (
        option("versions", "a version, 2.31 or 2.36:armhf, a suite, bookworm (with dnf a release, "
               "9), or all; another resolver, musl or c-ares, in every version that there is, or"
               " in one: musl=1.2.3, musl=trixie", nargs="*", metavar="VERSION"),
        flag("--all", "every version the distribution has, as the word all"),
        shared("suite", "what this suite carries; several with commas"),
        shared("arch", "for other architectures, by Debian's names, or all", metavar="ARCH,…",
               action=Joined),
        flag("--refresh", "fetch again what is in the cache"),
        "format", "json",
    ),
    "glibc add": (
        option("directory", "a root file system, an install prefix; a container image, packages or"
               " a process, named as for run --glibc", metavar="DIR|IMAGE",
               type=values.given("directory or an image")),
        option("--name", "what to call it (default: the directory's name)"),
        shared("arch", "which one to take where there are several"),
        option("--row", "it differs from its version in this row of the dialect table, as"
               " gaiconf_numbers_checked=true; may be given several times", action="append",
               default=[], metavar="NAME=VALUE"),
        option("--no-probe", "do not run the library on it to see which rows it follows",
               dest="probe", action="store_false"),
        "format", "json",
    ),
    "glibc probe": (
        option("build", "the build, as for run --glibc", metavar="BUILD"),
        "fetch",
        "format", "json",
    ),
    "glibc remove": (
        option("versions", "a version, a name, an id of glibc list, or all",
               nargs="+", metavar="VERSION"),
        "format", "json",
    ),
    "snapshot": (
        _subjects("looked up on this host; a scenario's host is written anew as one file"),
        shared("in", "of the network and the /etc of this process, in which the names are"
               " looked up"),
        "format", "json",
        shared("output", "write there (default: the terminal)"),
        flag("--redact", "replace names and addresses such that every rule still decides the same"),
        flag("--no-check",
             "do not build the copy in a sandbox to see whether it behaves as the host"),
    ),
    "schema": (
        option("--of", "scenario: the files that are read (default); results: what run --format"
               " json writes; the others: what these commands write as JSON",
               choices=("scenario", *DOCUMENTS), default="scenario"),
        "format", "json",
    ),
    "completion": (option("shell", "the shell it is for", choices=("bash", "zsh", "fish")),),
}  # fmt: skip
"""The options of each command and action: by name what is shared; other texts begin a group."""

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
        if isinstance(one, str) and one not in _SHARED:
            place = parser.add_argument_group(one)
        else:
            spellings, words = _SHARED[one] if isinstance(one, str) else one
            place.add_argument(*spellings, **words)
    parser.epilog = epilog = _EPILOGS.get(command)
    if epilog and "\n" in epilog:
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
    if actions := _ACTIONS.get(command):
        below = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
        for name, meaning in actions.items():
            declare(below.add_parser(name, allow_abbrev=False, help=meaning), f"{command} {name}")
