"""``gai-harness explain``: every fact the rules looked at, and the rule between neighbours."""

from __future__ import annotations

import argparse
from ipaddress import ip_address
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``explain``."""
    parser.add_argument(
        "scenarios", nargs="+", metavar="SCENARIO", type=Path,
        help="scenario files, or names of the built-in library",
    )  # fmt: skip
    parser.add_argument("--lookup", metavar="NAME", help="only the look-ups of this name")
    parser.add_argument(
        "--pair", nargs=2, metavar=("A", "B"), type=_address,
        help="also say which rule tells these two addresses apart",
    )  # fmt: skip
    parser.add_argument(
        "--glibc", default="host", metavar="VERSION,…|all", help="as for run (default host)"
    )
    parser.add_argument(
        "--gai-conf", action="append", default=[], metavar="FILE", help="as for run"
    )
    parser.add_argument(
        "--trace", action="store_true",
        help="record the system calls of the real glibc with strace and compare the sources",
    )  # fmt: skip
    parser.add_argument(
        "--pcap", metavar="FILE", type=Path,
        help="write the netlink traffic of the look-ups there (needs the kernel's nlmon device)",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="write JSON")


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"an address was expected, got {text!r}") from None


def main(options: argparse.Namespace) -> int:
    """Explain every look-up of the scenarios; 1 when native and model differ."""
    from harness.cli import FINDING, OK, UsageError
    from harness.compare.explaining import explain
    from harness.compare.plan import lanes_for, load_gai_conf, load_scenarios, make_jobs
    from harness.report.explanation import as_json, write_text

    jobs = make_jobs(
        load_scenarios(options.scenarios),
        lanes_for(options.glibc, "auto"),
        [load_gai_conf(name) for name in options.gai_conf],
    )
    if options.trace:
        from dataclasses import replace

        from harness.native.trace import strace

        strace()  # says at once when it is missing
        jobs = [replace(job, trace=True) for job in jobs]
    if options.pcap is not None:
        from harness.compare.explaining import capture

        if len(jobs) != 1:
            raise UsageError("--pcap: one scenario was expected")
        options.pcap.write_bytes(capture(jobs[0]).pcap)
    pair = tuple(options.pair) if options.pair else None
    explanations = [
        item
        for item in explain(jobs, pair)
        if options.lookup is None or item.name == options.lookup
    ]
    if not explanations:
        raise UsageError(f"--lookup: no look-up named {options.lookup!r} in these scenarios")
    if options.json:
        print(as_json(explanations))
    else:
        write_text(explanations)
    wrong = any(
        item.result.failed or (item.trace is not None and not item.trace.agreed)
        for item in explanations
    )
    return FINDING if wrong else OK
