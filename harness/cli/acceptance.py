"""``run --baseline``: differences that are known and accepted."""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from harness.cli.outputs import whole
from harness.cli.parser import Options, UsageError
from harness.cli.streams import say
from harness.compare.results import LookupReport, Notice
from harness.compare.run import HostJob, JobOutcome


def check(options: Options) -> None:
    """Raise UsageError for options that need a baseline beside them."""
    for name in ("update-baseline", "baseline-strict"):
        if options.baseline is None and getattr(options, name.replace("-", "_")):
            raise UsageError(f"--{name}: --baseline FILE was expected beside it")


class RunBaseline:
    """The baseline of one run; without ``--baseline`` nothing is accepted.

    Raises UsageError for a place that cannot be one, ScenarioError for a file that is none.
    """

    def __init__(self, options: Options, jobs: Sequence[HostJob]) -> None:
        self._update, self._strict = options.update_baseline, options.baseline_strict
        self._path: str | None = options.baseline
        if self._path is None:
            return
        from harness.compare.baseline import Baseline, Sources, read  # not for most runs

        path = Path(self._path)
        new = not os.path.lexists(path)
        if not path.parent.is_dir():
            raise UsageError(f"{path}: a file in a folder that is there was expected")
        if new and not self._update:
            wanted = "a baseline that is there was expected; --update-baseline makes one"
            raise UsageError(f"{path}: {wanted}")
        self._sources = Sources(path, {job.source for job in jobs})
        entries = () if new else read(path)
        self._baseline = Baseline(entries, accept_all=self._update, name=self._sources.name)

    def apply(self, report: LookupReport) -> LookupReport:
        """The report with what is accepted marked so."""
        return report if self._path is None else self._baseline.apply(report)

    def finish(self, outcomes: Iterable[JobOutcome]) -> Iterator[Notice]:
        """The entries that no difference needs any more; ``--update-baseline`` writes the file.

        Raises UsageError where it cannot be written.
        """
        if self._path is None:
            return
        stale = self._baseline.stale(outcomes, self._sources.gone)
        if self._update:
            from harness.compare.baseline import write

            kept = self._baseline.updated(stale)
            with whole(self._path) as stream:
                write(stream, kept)
            changes = sum(bool(one.against) for one in kept)
            counts = ((len(kept) - changes, "result"), (changes, "change"))
            # without --against there are no changes
            words = [f"{n} accepted {what}{'s'[: n != 1]}" for n, what in counts if n]
            say(f"{self._path}: {' and '.join(words) or 'nothing accepted'} written", sys.stderr)
        for entry, why in stale.items():
            yield Notice(
                kind="stale", scenario=entry.scenario, lookup=entry.lookup,
                gai_conf=entry.gai_conf, build=entry.where,
                text=f"{why}; the entry is taken out" if self._update else why,
                source=self._path, failed=self._strict and not self._update,
            )  # fmt: skip
