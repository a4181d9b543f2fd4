"""The measurements' own way of reporting: nothing that was measured is lost by what comes after it."""

from collections.abc import Iterator

import pytest

from tests.bench import __main__ as bench
from tests.bench import export, pages, visit
from tests.bench.figures import Figure
from tests.bench.servers import LoadGeneratorMissing, requests_per_second


def one_then_no_wrk() -> Iterator[Figure]:
    yield Figure("first", 2, "statements", ceiling=4)
    raise LoadGeneratorMissing


def one_then_a_fault() -> Iterator[Figure]:
    yield Figure("second", 1, "ratio", floor=0.5)
    raise RuntimeError("nothing answered")


def one() -> Iterator[Figure]:
    yield Figure("third", 0.25, "ratio", floor=0.5)


def test_a_part_that_ends_early_loses_no_figure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for part, measure in ((pages, one_then_no_wrk), (export, one_then_a_fault), (visit, one)):
        monkeypatch.setattr(part, "measure", measure)
    assert bench.main(["pages", "export", "visit"]) == 1
    said = capsys.readouterr().out
    for line in ("  first  2.00  statements  ≤ 4  met", "  third  0.25  ratio  ≥ 0.5  MISSED", "apt-get install wrk"):
        assert line in said
    assert said.strip().endswith("1 bounds missed; skipped: pages; failed: export")


def test_each_figure_is_printed_before_the_next_is_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[str] = []

    def two() -> Iterator[Figure]:
        yield Figure("first", 1, "ratio")
        seen.append(capsys.readouterr().out)
        yield Figure("second", 1, "ratio")

    monkeypatch.setattr(visit, "measure", two)
    assert bench.main(["visit"]) == 0
    assert "  first  1.00  ratio" in seen[0]


def test_a_skipped_part_is_no_missed_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "measure", one_then_no_wrk)
    assert bench.main(["pages"]) == 0


def test_without_wrk_a_measurement_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(LoadGeneratorMissing, match="apt-get install wrk"):
        requests_per_second(1, "/", seconds=1)


@pytest.mark.parametrize("arguments", [["nothing"], ["pages", "nothing"]])
def test_an_unknown_part_is_refused_before_anything_is_measured(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        bench.main(arguments)
    assert refused.value.code == 2
    assert "no such part: nothing" in capsys.readouterr().err


def test_help_lists_every_part(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bench.main(["--help"])
    said = capsys.readouterr().out
    assert [name for name in (*bench.PARTS, *bench.OPTIONAL) if f"  {name} " not in said] == []
