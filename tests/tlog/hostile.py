"""Servers, folders and zips that answer as no log should, for tests of who reads them."""

import gzip
import json
import socket
import struct
import time
import zipfile
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from donate.tlog import source
from donate.tlog.verify import Code
from donate.tlog.verify_command import main
from tests.tlog.logs import KEY, a_log, publish

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
