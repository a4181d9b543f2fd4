"""A source that answers nonsense, breaks off or asks for too much: the way to the log is at fault, and never a traceback."""

import gzip
import json
import socket
import struct
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from donate.tlog import source
from donate.tlog.canonical import NotCanonical, decode_canonical, encode_canonical
from donate.tlog.source import Folder, Kept, SourceUnreachable, Zip, source_of
from donate.tlog.verify import Code
from donate.tlog.verify_command import main
from tests.tlog.logs import KEY, InMemory, a_log, publish

LOG = publish(a_log(600)[:600])
TRUSTED = ["--key", str(KEY.verifier), "--quiet"]
BUNDLE = "tile/entries/000"
PORTAL = b"<html>Welcome to our hotel. Please sign in.</html>"

Answer = Callable[[BaseHTTPRequestHandler, bytes], None]


class Server:
    """The log over HTTP: `files` as they are, but for a name that `answers` has its own answer for."""

    def __init__(self) -> None:
        self.files = dict(LOG.files)
        self.answers: dict[str, Answer] = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                outer.answer(self, self.path.removeprefix("/"))

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.handle_error = lambda *_: None  # a client that hangs up is no news
        self.url = f"http://127.0.0.1:{self.http.server_port}"

    def answer(self, request: BaseHTTPRequestHandler, path: str) -> None:
        name = path.removeprefix("log/")
        if name not in self.files or (name == path) != (name == "ledger.csv"):
            request.send_error(404)
        elif name in self.answers:
            self.answers[name](request, self.files[name])
        else:
            say(request, self.files[name])


def say(request: BaseHTTPRequestHandler, data: bytes, **headers: str) -> None:
    request.send_response(200)
    for name, value in ({"Content_Length": str(len(data))} | headers).items():
        request.send_header(name.replace("_", "-"), value)
    request.end_headers()
    request.wfile.write(data)


def packed(request: BaseHTTPRequestHandler, data: bytes) -> None:
    say(request, gzip.compress(data), Content_Encoding="gzip")


def packed_and_corrupt(request: BaseHTTPRequestHandler, data: bytes) -> None:
    whole = gzip.compress(data)
    say(request, whole[:12] + b"\xff" * 20 + whole[32:], Content_Encoding="gzip")


def packed_and_cut(request: BaseHTTPRequestHandler, data: bytes) -> None:
    say(request, gzip.compress(data)[:-20], Content_Encoding="gzip")


def packed_with_a_tail(request: BaseHTTPRequestHandler, data: bytes) -> None:
    say(request, gzip.compress(data) + b"more", Content_Encoding="gzip")


def packed_and_huge(request: BaseHTTPRequestHandler, _: bytes) -> None:
    say(request, gzip.compress(bytes(source.MOST_BYTES + 1)), Content_Encoding="gzip")


def huge(request: BaseHTTPRequestHandler, _: bytes) -> None:
    say(request, bytes(source.MOST_BYTES + 1))


def cut(request: BaseHTTPRequestHandler, data: bytes) -> None:
    say(request, data[: len(data) // 2], Content_Length=str(len(data)))


def no_status(request: BaseHTTPRequestHandler, _: bytes) -> None:
    request.wfile.write(b"garbage\r\n\r\n")


def bad_chunk(request: BaseHTTPRequestHandler, data: bytes) -> None:
    request.send_response(200)
    request.send_header("Transfer-Encoding", "chunked")
    request.end_headers()
    request.wfile.write(b"10\r\n" + data[:16] + b"\r\nzz\r\nabc")


def reset(request: BaseHTTPRequestHandler, data: bytes) -> None:
    cut(request, data)
    request.wfile.flush()
    time.sleep(0.1)
    request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.rfile.close()
    request.connection.close()


def stalled(request: BaseHTTPRequestHandler, data: bytes) -> None:
    cut(request, data)
    request.wfile.flush()
    time.sleep(1)


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "FIRST_PAUSE_SECONDS", 0)
    monkeypatch.setattr(source, "TIMEOUT_SECONDS", 0.3)
    monkeypatch.setattr(source, "MOST_BYTES", 1024 * 1024)


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.http.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server
    server.http.shutdown()
    server.http.server_close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return written(LOG.files, tmp_path / "log")


def written(files: dict[str, bytes], folder: Path) -> Path:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def zipped(path: Path, *logs: tuple[str, dict[str, bytes]], method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for prefix, files in logs:
            for name, data in files.items():
                archive.writestr(prefix + name, data)
    return path


def assert_unreadable(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Exit 3 with a sentence, in JSON; the sentence."""
    assert main([*map(str, arguments), *TRUSTED, "--json"]) == Code.UNREADABLE
    told = json.loads(capsys.readouterr().out)
    assert (told["result"], bool(told["problem"])) == ("unreadable", True)
    return told["problem"]


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
