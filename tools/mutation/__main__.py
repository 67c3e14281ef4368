"""Would the library notice a fault of the model? Every small change of it is tried.

python -P tools/mutation FOLDER [MODULE …]

What glibcs of several versions and processors answered is collected once and kept in FOLDER: to
the library, to the scenarios of `tests/compare/myhostname`, which need a module that not every host
has, and to a part of the rule 9 suite. Then the modules of `harness.model` that decide an answer
are changed in one place at a time, by all operators of cosmic-ray, and the changed model is held
against what was collected. A change after which every result is as it was has survived:
FOLDER/MODULE.diff has those of a module. Exit status 1 when more than 3 % survive.

What no run can show by its nature is no change here:

- lines that no look-up runs through, by the function they are in: they are of versions that are
  not run, of results whatever they say, or words. A look-up whose answer is undefined is none,
  and to call one so is a change of its result;
- what only answers that time decides would show: which server is heard first, how long each is
  waited for, and what else may be answered then beside what was;
- a default that no look-up leaves out;
- how much is kept for the next time, and that zip would refuse lists of unequal length;
- rows of the dialect table, or of another resolver's, after which all that were asked behave alike;
- text: what is put into words, annotations, whether a word is compared with == or ``is``, and that
  of two words one is before the other;
- labels and precedences of the default tables that tell the same prefixes apart, and rank them
  alike; but for those of ::/0, which stand beside a user's.

Their numbers are printed with the functions.
"""

import argparse
import pickle
import sys
from collections import Counter
from dataclasses import replace
from difflib import unified_diff
from itertools import groupby
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # started as a folder

from harness.model.resolvers import PAGES
from tools.mutation.changes import changes
from tools.mutation.judges import MODEL, Judges

TREE = MODEL.parents[1]
DECIDING = (
    "addresses", "address_table", "dialects", "dns", "gaiconf", "host", "lookup", "myhostname",
    "order", "policy", "reload", "services",
    *sorted(one.stem for one in MODEL.glob("*.py") if one.stem.startswith(tuple(PAGES.values()))),
)  # fmt: skip
"""The tests of the model judge the others: they find words and reasons for what these decide
(`explain`, `presence`, `cycles`), are orders that no glibc has (`standards`), speak of versions
that cannot be run (`transport`), or are what the sandbox's own servers say (`dns_servers`)."""
MOST = 0.03
_BUILDS = "2.31,2.44,2.41,2.36,2.36:s390x,2.36:armhf"
_EVERY = 50  # hosts of the rule 9 suite


def collect(folder: Path) -> bytes:
    """What the glibcs answered, pickled; from the folder where it was collected before.

    Of a look-up that all builds of glibc answer alike, three are enough: the oldest, the newest,
    and one of a processor that is another in all that the model knows.
    """
    kept = folder / "evidence.pickle"
    if not kept.exists():
        from harness.compare.answers import answered
        from harness.compare.plan import lanes_for, load_scenarios, load_suite, make_jobs
        from harness.scenario import load
        from tests.compare.kit import evidence_of

        lanes = lanes_for(_BUILDS, "worker", resolver="all")
        modules = map(load, sorted((TREE / "tests/compare/myhostname").iterdir()))
        scenarios = [*load_scenarios(()), *modules, *load_suite("rule9")[::_EVERY]]
        found = evidence_of(make_jobs(scenarios, lanes), 6)  # which wait for servers
        pieces: list[Any] = []
        asked_alike = groupby(
            found,
            lambda one: (
                one.scenario.name,
                one.lookup,
                one.conf.name,
                len(one.before),
                one.lane.resolver,
            ),
        )
        for _, group in asked_alike:
            asked = list(group)
            alike = all(answered(one.native) == answered(asked[0].native) for one in asked)
            enough = (asked[0], *(one for one in asked if one.lane.arch == "armhf"), asked[-1])
            pieces += enough if alike and asked[0].lane.resolver == "glibc" else asked
        # what myhostname asks of the kernel, no emulator translates as a whole
        pieces = [
            one for one in pieces if not (one.lane.emulator and one.scenario.asks("myhostname"))
        ]
        same: dict[bytes, Any] = {}
        pieces = [
            replace(one, **{  # each sandbox sent copies of its own
                field: same.setdefault(pickle.dumps(value), value)
                for field in ("scenario", "lookup", "view", "names", "lane")
                for value in [getattr(one, field)]
            })
            for one in pieces
        ]  # fmt: skip
        folder.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(pickle.dumps(pieces))
    return kept.read_bytes()


def read(module: str) -> str:
    """The source of a module of the model."""
    return (MODEL / f"{module}.py").read_text(encoding="utf-8")


def main() -> int:
    """Try every change; the exit status as in the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("modules", nargs="*", default=DECIDING)
    options = parser.parse_args()
    judges = Judges(collect(options.folder))
    same = read("order") + "_ = None\n"  # imported anew
    assert judges.tried("order", read("order"), same) == "survived"
    all_tried = all_survived = 0
    for module in options.modules:
        source = read(module)
        tried = survived = 0
        unasked: Counter[str] = Counter()
        with (options.folder / f"{module}.diff").open("w", encoding="utf-8") as file:
            for operator, changed in changes(source):
                name, users = judges.through(module, source, changed)
                end = judges.tried(module, source, changed) if users else name
                if end == "survived" and not users & judges.settled:
                    end = "time"
                if end not in ("", "survived"):
                    unasked[end] += 1
                    continue
                tried += 1
                if end:
                    survived += 1
                    lines = unified_diff(
                        source.splitlines(), changed.splitlines(), module, operator, "", "", 1, ""
                    )
                    print("\n".join(lines), file=file, flush=True)
        print(f"{module}: {survived} of {tried} survived; unasked:", dict(unasked), flush=True)
        all_tried, all_survived = all_tried + tried, all_survived + survived
    return int(all_survived > MOST * all_tried)


if __name__ == "__main__":
    sys.exit(main())
