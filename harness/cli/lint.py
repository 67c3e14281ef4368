"""``gai-harness lint``: what is wrong, or not what it seems, in a gai.conf."""

import os
import sys
from collections.abc import Callable

from harness.advice.accepted import Acceptance, AcceptError, acceptances
from harness.advice.lint import Finding, lint
from harness.cli.parser import FINDING, OK, Options, UsageError
from harness.cli.streams import content, say, write_json
from harness.text.reading import GAI_CONF_LIMIT
from harness.text.shown import bare


def main(options: Options) -> int:
    """Lint every file; 1 when there is a finding that is not accepted."""
    accepted = [Acceptance(code, "--accept") for code in options.accept]
    found: list[tuple[str, Finding]] = []
    meant = 0
    for name in options.files:
        data = _data(name)
        try:
            known = [*accepted, *acceptances(data)]
        except AcceptError as error:
            raise UsageError(f"{name}:{error}") from None
        idle = {(one.stands, one.code): None for one in known if one.stands}
        for finding in lint(data):
            takers = [one for one in known if one.takes(finding)]
            for one in takers:
                idle.pop((one.stands, one.code), None)
            if takers:
                meant += 1
            else:
                found.append((name, finding))
        for line, code in idle:
            say(f"{name}:{line}: accept {code}: there is no such finding to accept", sys.stderr)
    if meant:
        say(f"{meant} finding{'s'[: meant != 1]} accepted", sys.stderr)
    if options.format == "json":
        from harness.compare.values import fill  # twice the time of the rest
        from harness.report.documents import FileFinding, Lint

        write_json(Lint(tuple(fill(FileFinding, finding, file=name) for name, finding in found)))
        return FINDING if found else OK
    tell: Callable[[str], None] = say
    if sys.stdout.isatty():
        from harness.report.terminal import Terminal  # twice the time of the rest

        tell = Terminal().say
    for name, finding in found:
        message = finding.message + ("" if finding.glibc == "all" else f" [glibc {finding.glibc}]")
        if options.format == "github":
            from harness.report.github import annotation

            # a line that begins with :: is meant here
            command = annotation("warning", [message], finding.code, name, finding.line)
            bare(sys.stdout).write(command)
        else:
            place = f"{name}:{finding.line}" if finding.line else name
            tell(f"{place}: {finding.code} {message}")
    return FINDING if found else OK


def _data(name: str) -> bytes:
    """What a file holds, or the one of the catalogue that has this name."""
    if name == "-" or "/" in name or "\0" in name or os.path.lexists(name):
        return content(name, GAI_CONF_LIMIT)
    from harness.compare.plan import load_gai_conf  # twice the time of the rest

    return load_gai_conf(name).data or b""
