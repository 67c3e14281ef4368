"""``explain NAME`` needs no scenario: the machine as it is, its name service in its own order."""

import json
import os
from ipaddress import ip_address

import pytest

from harness.compare.plan import load_scenarios
from harness.compare.results import Verdict
from harness.live.names import hosts_services
from harness.sandbox import Pool
from tests.conftest import Call
from tests.e2e.kit import COMMAND, start
from tests.live.kit import ask_all, explain_all
from tests.sandbox import ordinary_user


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hosts: files mdns4_minimal [NOTFOUND=return] dns [!UNAVAIL=return]\n", {
            "files": {"SUCCESS"}, "mdns4_minimal": {"SUCCESS", "NOTFOUND"},
            "dns": {"SUCCESS", "NOTFOUND", "TRYAGAIN"}}),
        # glibc's default where there is no such line
        *((text, {"dns": {"SUCCESS", "NOTFOUND", "TRYAGAIN"}, "files": {"SUCCESS"}})
          for text in (None, "", "passwd: files\n", "# hosts: files\n")),
    ],
)  # fmt: skip
def test_services_and_their_actions(text: str | None, expected: dict[str, set[str]]) -> None:
    found = [(service.name, set(service.returns)) for service in hosts_services(text)]
    assert found == [*expected.items()]


# Undefined files may kill the process that reads them, and a raw module needs its own set-up.
CHOSEN = [
    loaded
    for loaded in load_scenarios(())
    if loaded.scenario.name.startswith(("seed", "rule", "fact-4", "presort", "case-golang"))
    and loaded.scenario.resolver in ("files", "dns")
]


def test_native_and_model_agree_without_taking_the_order_from_the_answer() -> None:
    with Pool(2) as pool:
        results = [each.result for items in pool.map(explain_all, CHOSEN) for each in items]
    assert len(results) > 80
    assert [each for each in results if each.verdict is not Verdict.AGREE] == []
    remarks = [remark.text for each in results for remark in each.remarks]
    assert not any("answer's order" in text or "taken from the answer" in text for text in remarks)


def test_names_come_in_the_services_own_order() -> None:
    seed = next(s for s in CHOSEN if s.scenario.name == "seed-rule9-dual-stack")
    with Pool(1) as pool:
        answers = dict(pool.run(ask_all, seed))
    for name, addresses in seed.scenario.names.items():
        assert answers[name].service == "files"
        assert [t.address for t in answers[name].targets] == [ip_address(a) for a in addresses]


def test_this_very_machine_as_an_ordinary_user_too(call: Call) -> None:
    done = call("explain", "localhost")
    assert (done.status, done.err) == (0, "")
    command = [str(COMMAND), "explain", "*", "--service", "80", "--json"]
    ran = ordinary_user.run(command) if os.geteuid() == 0 else start(*command)
    assert (ran.returncode, ran.stderr) == (0, "")
    (explanation,) = json.loads(ran.stdout)["explanations"]
    # the null name without AI_PASSIVE is the loopback address of each family
    assert explanation["native"] == ["::1", "127.0.0.1"]
    assert explanation["decisions"][0]["rule"] == 6
