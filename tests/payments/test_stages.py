"""The real API is asked only with a test key, and every run says whether it was."""

import os
import subprocess
import sys

import pytest

from tests.payments.stages import KEY, REAL, SANDBOX, given_key, stages, summary


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.delenv(KEY, raising=False)
    return monkeypatch


def test_without_a_key_only_the_sandbox_is_asked_and_that_is_said(key: pytest.MonkeyPatch) -> None:
    assert stages() == [SANDBOX]
    assert summary({}) == "real Stripe API: not run, STRIPE_TEST_KEY is not set"


@pytest.mark.parametrize("given", ["sk_test_1", "rk_test_1"])
def test_with_a_test_key_both_are_asked(key: pytest.MonkeyPatch, given: str) -> None:
    key.setenv(KEY, given)
    assert stages() == [SANDBOX, REAL]


def test_the_last_line_counts_what_was_asked_of_the_real_one(key: pytest.MonkeyPatch) -> None:
    key.setenv(KEY, "sk_test_1")
    assert "none of its tests was chosen" in summary({})
    reports = [report(f"test_flow.py::test_a[{stage}]") for stage in (SANDBOX, REAL, REAL)]
    assert summary({"passed": reports, "failed": reports[:2]}) == "real Stripe API: 2 passed, 1 failed"


def report(nodeid: str) -> pytest.TestReport:
    return pytest.TestReport(nodeid, ("", 0, ""), {}, "passed", None, "call")


@pytest.mark.parametrize("given", ["", "pk_test_1", "whsec_1", "sk_test"])
def test_what_is_no_secret_test_key_is_refused(given: str) -> None:
    with pytest.raises(pytest.UsageError, match="Nothing was run"):
        given_key({KEY: given})


@pytest.mark.parametrize("given", ["sk_live_1", "rk_live_1"])
def test_a_live_key_is_refused(given: str) -> None:
    with pytest.raises(pytest.UsageError, match="IS A LIVE KEY") as refused:
        given_key({KEY: given})
    assert given not in str(refused.value)


def test_a_live_key_ends_the_run_before_anything_runs() -> None:
    answer = pytest_with("rk_live_1")
    assert (answer.returncode, "IS A LIVE KEY" in answer.stderr) == (pytest.ExitCode.USAGE_ERROR, True)
    assert "rk_live_1" not in answer.stdout + answer.stderr


def test_a_run_ends_with_the_line(key: pytest.MonkeyPatch) -> None:
    answer = pytest_with(None)
    assert (answer.returncode, f"{REAL}: not run" in answer.stdout) == (0, True)


def pytest_with(given: str | None) -> "subprocess.CompletedProcess[str]":
    """A run of one small test file in an environment with this key."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", KEY))}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "0", "-p", "no:cacheprovider", "tests/test_money.py"],
        env=environ | ({} if given is None else {KEY: given}), capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
