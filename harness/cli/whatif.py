"""``gai-harness whatif``: another gai.conf, tried on a private copy before it goes live."""

import sys
from dataclasses import replace

from harness.cli.parser import FINDING, OK, Options, UsageError
from harness.cli.streams import say, write_json
from harness.cli.subjects import jobs_for, sorted_out, tell_unknown
from harness.compare import plan
from harness.compare.whatif import change, whatif
from harness.kubelet.own_name import in_scenarios
from harness.report.whatif import WhatifDocument, WhatifText


def main(options: Options) -> int:
    """Compare; 1 when native and model differ, a process dies of the new file, an order changes
    that should not, or nobody knows a name.
    """
    if not options.gai_conf and not options.lines:
        raise UsageError("--gai-conf NEW or --set LINE was expected")
    if any("\n" in line or "\0" in line for line in options.lines):
        raise UsageError("--set: one line of a gai.conf was expected")
    files = [*map(plan.load_gai_conf, options.gai_conf)] if options.gai_conf else [None]
    lanes = plan.trusted_lanes(options.glibc, "auto", options.resolver)
    scenarios, names = sorted_out(options.what, options.scenarios)
    jobs = jobs_for(scenarios, names, lanes)
    changes = []
    text = WhatifText(here=not scenarios)
    for line in plan.unasked(jobs):
        say(line, sys.stderr)
    with_glibc = any(lane.resolver == "glibc" for lane in lanes)
    own = in_scenarios(job.scenario for job in jobs if with_glibc)
    for found in whatif([change(job, new, options.lines) for job in jobs for new in files]):
        lookups = (
            replace(each, own_name=own.get((found.scenario, each.lookup), ""))
            for each in found.lookups
        )
        one = replace(found, lookups=tuple(lookups))
        changes.append(one)
        if options.format == "text":
            text.add(one)
    document = WhatifDocument(tuple(changes))
    write_json(document) if options.format == "json" else text.finish(document)
    died = any(one.after.predicted for lookup in document.lookups for one in lookup.results)
    unknown = not scenarios and tell_unknown(
        (lookup.name, one.after)
        for found in changes
        for lookup, what in zip(jobs[0].scenario.lookups, found.lookups, strict=True)
        for one in what.results
    )
    wrong = document.disagree or died or unknown or (options.expect_unchanged and document.changed)
    return FINDING if wrong else OK
