"""Servers under measurement, on loopback only, and the load that is put on them."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

WORKERS = "2"
THREADS = "4"
WARMING_REQUESTS = 24


class LoadGeneratorMissing(Exception):
    """The load generator wrk (a Debian package) is not on this machine: what it measures cannot be measured."""

    def __str__(self) -> str:
        return "it wants the load generator wrk: apt-get install wrk"


@contextmanager
def donate_web(environ: Mapping[str, str]) -> Iterator[int]:
    """The web alone, by the project's own command; gives its port."""
    port = free_port()
    command = [sys.executable, "-m", "donate.cli", "serve", "--only", "web", "--port", str(port)]
    with _running(command, environ, port, "/healthz"):
        yield port


@contextmanager
def reference(environ: Mapping[str, str], app: str = "hello", path: str = "/") -> Iterator[int]:
    """An app of this folder (hello.py, …) on the same server with the same options; gives its port."""
    port = free_port()
    command = [
        sys.executable, "-m", "granian", "--interface", "wsgi", "--http", "1", "--host", "127.0.0.1", "--port", str(port),
        "--workers", WORKERS, "--blocking-threads", THREADS, "--no-access-log", "--log-level", "error",
        f"tests.bench.{app}:app",
    ]  # fmt: skip
    with _running(command, environ, port, path):
        yield port


@contextmanager
def _running(command: Sequence[str], environ: Mapping[str, str], port: int, path: str) -> Iterator[None]:
    process = subprocess.Popen(command, env=os.environ | environ, stdout=subprocess.DEVNULL)
    try:
        wait_for(port, path, process)
        warm(port, path)
        yield
    finally:
        process.terminate()
        process.wait(60)


def warm(port: int, path: str) -> None:
    """Ask until every worker has answered: the kernel deals connections out, also to one that is still loading."""
    for _ in range(WARMING_REQUESTS):
        fetch(port, path)


def wait_for(port: int, path: str, process: subprocess.Popen[bytes], seconds: float = 90) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}")
        try:
            if fetch(port, path)[0] < 500:
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise RuntimeError(f"nothing answered on {path} within {seconds} seconds")


def fetch(
    port: int, path: str, headers: Mapping[str, str] | None = None, *, method: str = "GET", body: bytes | None = None
) -> tuple[int, dict[str, str], bytes]:
    """One request on a connection of its own: status, headers by lower-case names, body."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, body=body, headers=dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def requests_per_second(
    port: int, path: str, *, seconds: float, headers: Mapping[str, str] | None = None, script: Path | None = None
) -> float:
    """What wrk gets through with eight connections; every answer must be a 2xx or 3xx. Raises LoadGeneratorMissing."""
    wrk = shutil.which("wrk")
    if wrk is None:
        raise LoadGeneratorMissing
    command = [wrk, "--threads", "1", "--connections", "8", "--duration", f"{seconds:.0f}s"]
    for name, value in (headers or {}).items():
        command += ["--header", f"{name}: {value}"]
    if script is not None:
        command += ["--script", str(script)]
    said = subprocess.run([*command, f"http://127.0.0.1:{port}{path}"], capture_output=True, text=True, check=True)
    lines = said.stdout.splitlines()
    if any("Non-2xx" in line or "Socket errors" in line for line in lines):
        raise RuntimeError(said.stdout)
    return float(next(line for line in lines if line.startswith("Requests/sec")).split()[1])
