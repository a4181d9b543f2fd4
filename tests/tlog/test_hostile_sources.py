"""A source that answers nonsense, breaks off or asks for too much: the way to the log is at fault, and never a traceback."""

import zipfile
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from donate.tlog import source
from donate.tlog.canonical import NotCanonical, decode_canonical, encode_canonical
from donate.tlog.source import Folder, SourceUnreachable, Zip
from donate.tlog.verify import Code
from donate.tlog.verify_command import main
from tests.tlog.hostile import (
    BUNDLE,
    LOG,
    PORTAL,
    TRUSTED,
    Answer,
    Server,
    assert_unreadable,
    bad_chunk,
    cut,
    huge,
    no_status,
    packed,
    packed_and_corrupt,
    packed_and_cut,
    packed_and_huge,
    packed_with_a_tail,
    reset,
    say,
    stalled,
    zipped,
)
from tests.tlog.logs import a_log, publish

pytestmark = pytest.mark.usefixtures("short_waits")


def test_packed_answers_are_read(server: Server) -> None:
    server.answers = dict.fromkeys((name for name in server.files if name != "ledger.csv"), packed)
    assert main([server.url, *TRUSTED]) == 0


@pytest.mark.parametrize(
    "answer",
    [packed_and_corrupt, packed_and_cut, packed_with_a_tail, cut, no_status, bad_chunk, reset],
)
def test_an_answer_that_breaks_is_unreadable(
    server: Server, answer: Answer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answers[BUNDLE] = answer
    assert_unreadable(capsys, server.url)


@pytest.mark.parametrize("answer", [packed_and_huge, huge])
def test_an_answer_is_read_and_unpacked_up_to_the_bound(
    server: Server, answer: Answer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answers[BUNDLE] = answer
    assert "longer" in assert_unreadable(capsys, server.url)


@pytest.mark.parametrize("answer", [cut, no_status, bad_chunk, reset, stalled])
def test_a_csv_that_breaks_off_is_unreadable(
    server: Server, answer: Answer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answers["ledger.csv"] = answer
    assert_unreadable(capsys, server.url)


def test_a_csv_that_is_cut_in_the_row_behind_the_signed_ones_is_unreadable(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = LOG.files["ledger.csv"]
    server.answers["ledger.csv"] = lambda request, _: say(request, whole + b"6", Content_Length=str(len(whole) + 50))
    assert_unreadable(capsys, server.url)


def test_what_broke_once_is_asked_for_again(server: Server) -> None:
    def once(request: BaseHTTPRequestHandler, data: bytes) -> None:
        del server.answers[BUNDLE]
        cut(request, data)

    server.answers[BUNDLE] = once
    assert main([server.url, *TRUSTED]) == 0


@pytest.mark.parametrize(
    "address",
    ["http://[::1", "http://", "http://exa mple/", "http://host:port/", "http://127.0.0.1:99999/", "http://a..b/",
     "http://127.0.0.1:1\n2/"],
)  # fmt: skip
def test_an_address_that_is_none_is_unreadable(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert_unreadable(capsys, address)


@pytest.mark.parametrize("name", ["a\0b", "n" * 5000])
def test_a_file_name_that_is_none_is_unreadable(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert_unreadable(capsys, name)


def test_a_folder_that_cannot_be_read_is_unreadable(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", fail)
    assert "Permission denied" in assert_unreadable(capsys, folder)


def test_a_file_in_a_folder_is_read_up_to_the_bound(tmp_path: Path) -> None:
    (tmp_path / "fits").write_bytes(bytes(source.MOST_BYTES))
    (tmp_path / "huge").write_bytes(bytes(source.MOST_BYTES + 1))
    assert Folder(tmp_path).read("fits") == bytes(source.MOST_BYTES)
    with pytest.raises(SourceUnreachable, match="longer"):
        Folder(tmp_path).read("huge")


def test_a_member_of_a_zip_is_unpacked_up_to_the_bound(tmp_path: Path) -> None:
    files = {"fits": bytes(source.MOST_BYTES), "huge": bytes(source.MOST_BYTES + 1)}
    archive = Zip(zipped(tmp_path / "log.zip", ("", files), method=zipfile.ZIP_DEFLATED))
    assert archive.read("fits") == files["fits"]
    with pytest.raises(SourceUnreachable, match="longer"):
        archive.read("huge")


def marked(data: bytes, offset: int, value: int) -> bytes:
    """A zip file in whose table of contents each entry has this byte."""
    changed, at = bytearray(data), -1
    while (at := data.find(b"PK\x01\x02", at + 1)) >= 0:
        changed[at + offset] = value
    return bytes(changed)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.replace(b'{"book"', b'{"bock"', 1),
        lambda data: marked(data, 8, 1),
        lambda data: marked(data, 10, 99),
        lambda data: marked(data, 10, zipfile.ZIP_BZIP2),
        lambda data: marked(data, 10, zipfile.ZIP_DEFLATED),
        lambda data: data.replace(b"PK\x03\x04", b"PK\x03\x05"),
        lambda data: data[1000:],
        lambda data: data[: len(data) // 2],
        lambda data: b"",
    ],
    ids=[
        "checksum",
        "encrypted",
        "unknown method",
        "bzip2",
        "not deflated",
        "no headers",
        "no begin",
        "no end",
        "empty",
    ],
)
def test_a_zip_that_is_broken_is_unreadable(
    change: Callable[[bytes], bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = zipped(tmp_path / "log.zip", ("", LOG.files))
    path.write_bytes(change(path.read_bytes()))
    assert_unreadable(capsys, path)


def test_a_zip_with_two_logs_is_unreadable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = zipped(tmp_path / "log.zip", ("a/", LOG.files), ("b/", publish(a_log(300, seed=2)).files))
    assert "more than one log" in assert_unreadable(capsys, path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_zip_with_a_name_in_it_twice_is_unreadable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = zipped(tmp_path / "log.zip", ("", publish(a_log(300, seed=2)).files), ("", LOG.files))
    assert "twice" in assert_unreadable(capsys, path)


def test_a_policy_that_is_not_there_is_unreadable(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "nowhere" in assert_unreadable(capsys, folder, "--policy", tmp_path / "nowhere")
    assert_unreadable(capsys, folder, "--policy", tmp_path)


def test_a_key_of_the_logs_own_that_is_none_is_unreadable(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for garbage in (b"\xff\xfe+x+y\n", PORTAL, b"\n"):
        (folder / "vkey").write_bytes(garbage)
        assert main([str(folder), "--quiet"]) == Code.UNREADABLE
        assert capsys.readouterr().err.startswith("UNREADABLE")


def test_no_key_of_the_logs_own_signs_nothing(folder: Path) -> None:
    (folder / "vkey").write_bytes(b"")
    assert main([str(folder), "--quiet"]) == Code.SIGNATURE


@pytest.mark.parametrize("depth", [100, 500, 900, 1500, 5000, 100_000])
def test_json_that_is_nested_deeply_is_not_canonical_or_is_read(depth: int) -> None:
    data = b"[" * depth + b'"a"' + b"]" * depth
    try:
        assert isinstance(decode_canonical(data), list)
    except NotCanonical:
        assert depth > 100


def test_a_value_that_is_nested_deeply_has_no_canonical_spelling() -> None:
    value: object = "a"
    for _ in range(5000):  # what Python 3.13 makes of such JSON, where an older one gives up in reading it
        value = [value]
    with pytest.raises(NotCanonical, match="nested"):
        encode_canonical(value)
