"""What a reader keeps between runs: never what was not checked, and never in the way of a log that is fine again."""

from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from donate.tlog.source import Kept, SourceUnreachable, source_of
from donate.tlog.verify import Code
from donate.tlog.verify_command import main
from tests.tlog.hostile import (
    BUNDLE,
    LOG,
    PORTAL,
    TRUSTED,
    Server,
    assert_unreadable,
    cut,
    say,
    written,
)
from tests.tlog.logs import InMemory, a_log, publish

pytestmark = pytest.mark.usefixtures("short_waits")


def test_a_keep_that_is_a_file_is_unreadable(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "keep").write_bytes(b"")
    assert "keep" in assert_unreadable(capsys, folder, "--keep", tmp_path / "keep")
    assert_unreadable(capsys, folder, "--keep", tmp_path / "keep" / "below")


@pytest.mark.parametrize("name", ["tile", "checkpoints"])
def test_a_keep_into_which_nothing_can_be_written_is_unreadable(
    folder: Path, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "keep").mkdir()
    (tmp_path / "keep" / name).write_bytes(b"")
    assert_unreadable(capsys, folder, "--keep", tmp_path / "keep")


def test_what_a_file_manager_leaves_beside_kept_checkpoints_is_passed_over(folder: Path, tmp_path: Path) -> None:
    written({"checkpoints/.DS_Store": b"x", "checkpoints/600 (copy)": b"x"}, tmp_path / "keep")
    assert main([str(folder), *TRUSTED, "--keep", str(tmp_path / "keep")]) == 0


@pytest.mark.parametrize("name", [BUNDLE, "tile/0/001"])
def test_a_portals_page_that_was_kept_for_a_tile_is_forgotten_when_the_log_is_back(
    server: Server, name: str, tmp_path: Path
) -> None:
    keep = [*TRUSTED, "--keep", str(tmp_path / "keep")]
    server.files[name] = PORTAL
    assert main([server.url, *keep]) == Code.TREE
    server.files = dict(LOG.files)
    assert main([server.url, *keep]) == 0
    server.answers = dict.fromkeys([name for name in LOG.files if name.startswith("tile/") and ".p/" not in name], cut)
    assert main([server.url, *keep]) == 0


def test_a_run_that_was_broken_off_goes_on_where_it_ended(server: Server, tmp_path: Path) -> None:
    keep = [*TRUSTED, "--keep", str(tmp_path / "keep")]
    server.answers = {"tile/entries/001": cut}
    assert main([server.url, *keep]) == Code.UNREADABLE
    server.answers = {BUNDLE: cut}
    assert main([server.url, *keep]) == 0


def test_tiles_of_another_history_are_set_aside_and_not_lost(tmp_path: Path) -> None:
    other = publish(a_log(600, seed=2)[:600])
    keep = tmp_path / "keep"
    folder = written(other.files, tmp_path / "other")
    assert main([str(folder), *TRUSTED, "--keep", str(keep)]) == 0
    written(LOG.files, folder)
    assert main([str(folder), *TRUSTED, "--keep", str(keep)]) == Code.FORK
    assert (keep / "refused" / BUNDLE).read_bytes() == other.files[BUNDLE]
    assert (keep / BUNDLE).read_bytes() == LOG.files[BUNDLE]


def test_what_was_set_aside_first_stays(tmp_path: Path) -> None:
    for data in (b"first", b"second"):
        written({BUNDLE: data}, tmp_path)
        kept = Kept(InMemory(), tmp_path)
        assert kept.read(BUNDLE) == data
        assert kept.start_anew()
        assert kept.read(BUNDLE) is None
    assert (tmp_path / "refused" / BUNDLE).read_bytes() == b"first"
    assert not (tmp_path / BUNDLE).exists()


def test_tiles_that_come_from_the_log_itself_are_not_read_a_second_time(tmp_path: Path) -> None:
    kept = Kept(LOG, tmp_path)
    kept.read(BUNDLE)
    kept.read(BUNDLE)
    assert not kept.start_anew()


def test_the_checkpoint_that_was_checked_is_kept_whatever_the_log_shows_afterwards(
    server: Server, tmp_path: Path
) -> None:
    other, asked = publish(a_log(600, seed=2)[:600]).files["checkpoint"], []

    def twice(request: BaseHTTPRequestHandler, data: bytes) -> None:
        asked.append(1)  # the first asks whether there is a log here
        say(request, data if len(asked) < 3 else other)

    server.answers["checkpoint"] = twice
    assert main([f"{server.url}/log", *TRUSTED, "--keep", str(tmp_path / "keep")]) == 0
    assert (tmp_path / "keep" / "checkpoints" / "600").read_bytes() == LOG.files["checkpoint"]


def test_what_is_neither_a_file_nor_a_folder_is_unreadable() -> None:
    with pytest.raises(SourceUnreachable):
        source_of("/dev/null")
