"""What runs vigil in production says the same as the code."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from core.status import AccountState
from host.run import BAD_SETTINGS, STOP_DEADLINE
from host.watchdog import EXIT_CODE, SILENCE
from web.metrics import FAMILIES

ROOT = Path(__file__).resolve().parents[2]
OPS = ROOT / "ops"
HANDBOOK = (ROOT / "docs" / "operations.md").read_text()
LABELS = {family.name: set(family.labels) for family in FAMILIES}
LABELS |= {f"{family.name}{end}": set() for family in FAMILIES if family.kind == "summary" for end in ("_sum", "_count")}  # fmt: skip

SELECTOR = re.compile(r"(vigil_\w+)(?:\{([^}]*)\})?")
MATCHER = re.compile(r'(\w+)(=~|!~|!=|=)"((?:[^"\\]|\\.)*)"')
KNOWN_FUNCTIONS = {"absent", "by", "increase", "rate", "deriv", "sum", "label_values"}


def check(expression: str) -> None:
    """Every metric exists, every label is one of it, and nothing else is named."""
    selectors = SELECTOR.findall(expression)
    assert selectors, expression
    for name, matchers in selectors:
        assert name in LABELS, f"{name} in {expression}"
        for label, _, value in MATCHER.findall(matchers):
            assert label in LABELS[name], f"{label} of {name} in {expression}"
            if label == "state" and name == "vigil_account_state":
                assert set(value.split("|")) <= set(get_args(AccountState)), value
    for grouped in re.findall(r"by \(([^)]*)\)", expression):
        assert {label.strip() for label in grouped.split(",")} <= set.union(
            *(LABELS[n] for n, _ in selectors)
        )
    bare = re.sub(r"\[\w+\]|by \([^)]*\)", "", SELECTOR.sub("", expression))
    assert set(re.findall(r"[a-z_]+", bare)) <= KNOWN_FUNCTIONS, expression


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load((OPS / "alerts.yml").read_text())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_a_rule_asks_for_what_there_is_and_is_explained(rule: dict[str, Any]) -> None:
    assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}
    check(rule["expr"])
    assert re.fullmatch(r"\d+[smh]", rule["for"])
    assert rule["labels"]["severity"] in {"warning", "critical"}
    known = set.union(*(LABELS[name] for name, _ in SELECTOR.findall(rule["expr"])))
    assert set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"])) <= known
    expression = rule["expr"].replace("|", "\\|")
    row = f"| `{rule['alert']}` | {rule['labels']['severity']} | `{expression}` | {rule['for']} | "
    assert row in HANDBOOK


def test_the_handbook_explains_no_rule_that_does_not_exist() -> None:
    assert re.findall(r"^\| `(Vigil\w+)` \|", HANDBOOK, re.MULTILINE) == [rule["alert"] for rule in rules()]


def test_prometheus_has_nothing_against_the_rules() -> None:
    """Where its own judge is installed that is asked; what it would look at is looked at here in any case."""
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names)
    for rule in rules():
        for opening, closing in ("()", "{}", "[]"):
            assert rule["expr"].count(opening) == rule["expr"].count(closing)
    if promtool := shutil.which("promtool"):
        subprocess.run([promtool, "check", "rules", str(OPS / "alerts.yml")], check=True, timeout=60)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("vigil_nonsense > 0", "vigil_nonsense"),
        ('vigil_spilled{account="main"} > 0', "account of vigil_spilled"),
        ('vigil_account_state{state="alive"} == 1', "alive"),
        ("sum by (symbol) (vigil_events_total)", "symbol"),
        ("up == 0", "up"),
    ],
)
def test_the_check_itself_finds_what_is_wrong(wrong: str, why: str) -> None:
    with pytest.raises(AssertionError, match=why):
        check(wrong)


def board() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((OPS / "grafana.json").read_text())
    return found


def test_every_panel_of_the_board_shows_what_there_is() -> None:
    panels = [panel for panel in board()["panels"] if panel["type"] != "row"]
    assert len(panels) > 15
    for panel in panels:
        assert panel["targets"], panel["title"]
        for target in panel["targets"]:
            check(target["expr"].replace('"$account"', '"main"'))
            known = set.union(*(LABELS[name] for name, _ in SELECTOR.findall(target["expr"])))
            assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= known, panel["title"]


def test_the_board_can_be_laid_out() -> None:
    """Ids are unique, and no two panels lie on each other."""
    panels = board()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells


def test_the_boards_variables_are_used_and_asked_of_metrics_that_exist() -> None:
    text = json.dumps(board()["panels"])
    for variable in board()["templating"]["list"]:
        name = variable["name"]
        assert f"${name}" in text or f"${{{name}}}" in text
        for metric, label in re.findall(r"label_values\((\w+), (\w+)\)", json.dumps(variable)):
            assert label in LABELS[metric]


def test_every_family_is_on_the_board_or_in_a_rule_or_plain_information() -> None:
    """What nobody looks at would be noise."""
    asked = (OPS / "grafana.json").read_text() + (OPS / "alerts.yml").read_text()
    quiet = {family.name for family in FAMILIES if not re.search(rf"{family.name}\b", asked)}
    assert quiet == {
        "vigil_start_time_seconds",
        "vigil_settings_warnings",
        "vigil_account_subscribed",
        "vigil_account_last_event_timestamp_seconds",
        "vigil_breaker_failures",
        "vigil_mailbox_high",
    }


# ---------------------------------------------------------------------- the unit


def unit() -> dict[str, str]:
    lines = (OPS / "vigil.service").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def test_the_unit_waits_for_what_the_daemon_says() -> None:
    said = unit()
    words = (ROOT / "host" / "run.py").read_text() + (ROOT / "host" / "watchdog.py").read_text()
    assert said["Type"] == "notify"
    assert all(f'"{word}"' in words for word in ("READY=1", "WATCHDOG=1", "STOPPING=1"))
    assert said["NotifyAccess"] == "main"


def test_the_watchdog_of_the_unit_bites_after_the_daemons_own() -> None:
    """It is told once a second; half the interval must be more than the daemon's own patience needs."""
    assert SILENCE < int(unit()["WatchdogSec"]) <= 4 * SILENCE


def test_the_unit_restarts_after_everything_but_bad_settings() -> None:
    said = unit()
    assert said["Restart"] == "always"
    assert [int(code) for code in said["RestartPreventExitStatus"].split()] == [BAD_SETTINGS]
    assert EXIT_CODE != BAD_SETTINGS
    assert said["StartLimitIntervalSec"] == "0"


def test_the_unit_leaves_time_for_the_ordered_stop() -> None:
    said = unit()
    assert (said["KillMode"], said["KillSignal"]) == ("mixed", "SIGTERM")
    assert int(said["TimeoutStopSec"]) >= 2 * STOP_DEADLINE


def test_the_unit_runs_the_program_that_there_is_as_nobody_in_particular() -> None:
    said = unit()
    assert (ROOT / said["ExecStart"].split()[1].removeprefix("/opt/vigil/")).is_file()
    assert said["User"] not in {"", "root"}
    for key in ("NoNewPrivileges", "ProtectHome", "PrivateTmp", "PrivateDevices", "MemoryDenyWriteExecute"):
        assert said[key] == "yes"
    assert said["ProtectSystem"] == "strict"
    assert said["CapabilityBoundingSet"] == ""
    assert said["StateDirectory"] == Path(said["WorkingDirectory"]).name, "the one place that may be written"


def test_systemd_has_nothing_against_the_unit(tmp_path: Path) -> None:
    """A key that it does not know, or a value that it does not read, is a warning; programs are elsewhere here."""
    text = (OPS / "vigil.service").read_text()
    assert re.findall(r"^\[(\w+)\]$", text, re.MULTILINE) == ["Unit", "Service", "Install"]
    if (judge := shutil.which("systemd-analyze")) is None:
        return
    copy = tmp_path / "vigil.service"
    copy.write_text(re.sub(r"ExecStart=\S+", "ExecStart=/bin/true", text))
    seen = subprocess.run(
        [judge, "verify", "--man=no", str(copy)], capture_output=True, text=True, timeout=60, check=False
    )
    assert [line for line in seen.stderr.splitlines() if "vigil.service" in line] == []


# ----------------------------------------------------------------- the container


def instructions() -> list[tuple[str, str]]:
    text = (OPS / "Containerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(word, " ".join(rest.split())) for word, _, rest in (line.partition(" ") for line in lines)]


def test_the_container_is_built_of_what_is_locked_and_runs_as_a_user() -> None:
    said = dict(instructions())
    runs = [rest for word, rest in instructions() if word == "RUN"]
    assert said["FROM"] == "python:3.11-slim"
    assert any("--require-hashes -r requirements.lock" in run for run in runs)
    assert (ROOT / "requirements.lock").is_file()
    assert said["USER"] == "vigil"
    assert any("useradd" in run and "vigil" in run for run in runs)
    users = [word for word, _ in instructions()]
    assert users.index("USER") < users.index("ENTRYPOINT")


def test_the_containers_data_is_a_volume_that_the_settings_lead_to() -> None:
    said = dict(instructions())
    assert said["VOLUME"] == "/data"
    assert "VIGIL__SUPERVISOR__DATA_DIR=/data" in said["ENV"]


def test_the_container_is_asked_for_its_health_by_a_word_that_exists() -> None:
    from control.words import WORDS

    said = dict(instructions())
    command = json.loads(said["HEALTHCHECK"].partition("CMD ")[2])
    assert command[:2] == json.loads(said["ENTRYPOINT"])[:2] == ["python", "supervisor.py"]
    assert command[-1] in WORDS
    assert said["STOPSIGNAL"] == "SIGTERM"


def test_nothing_here_names_a_registry() -> None:
    text = (OPS / "Containerfile").read_text()
    assert not re.search(r"https?://|index-url|FROM \S+/", text)
