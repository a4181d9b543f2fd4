"""Where a verifier reads a log from: a site, a folder or a zip file, all by the same names below one prefix."""

import gzip
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from donate.errors import N_, DonateError

TIMEOUT_SECONDS = 30
MOST_BYTES = 64 * 1024 * 1024  # of anything but the CSV, which is read as it comes
TRIES = 4
FIRST_PAUSE_SECONDS = 0.5
CHECKPOINT = "checkpoint"


class SourceUnreachable(DonateError):
    sentence = N_("%(name)s cannot be read: %(problem)s")


class Source(Protocol):
    """Files by name; `read` answers None for what is not there. Both raise SourceUnreachable."""

    def read(self, name: str) -> bytes | None: ...

    def open(self, name: str) -> BinaryIO | None: ...


class Folder:
    """A folder, such as `donate log export` writes it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str) -> bytes | None:
        path = self._folder / name
        return path.read_bytes() if path.is_file() else None

    def open(self, name: str) -> BinaryIO | None:
        path = self._folder / name
        return path.open("rb") if path.is_file() else None


class Zip:
    """A zip file with such a folder in it, at its top or one folder down."""

    def __init__(self, path: Path) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile) as error:
            raise SourceUnreachable(name=path, problem=str(error)) from error
        tops = [name for name in self._zip.namelist() if name.split("/")[-1] == CHECKPOINT and name.count("/") <= 1]
        self._prefix = min(tops, key=len).removesuffix(CHECKPOINT) if tops else ""

    def read(self, name: str) -> bytes | None:
        file = self.open(name)
        if file is None:
            return None
        with file:
            return file.read()

    def open(self, name: str) -> BinaryIO | None:
        try:
            return cast("BinaryIO", self._zip.open(self._prefix + name))
        except KeyError:
            return None


class Site:
    """A site over HTTP: the log below `<url>/log/` or at `<url>/` itself, the CSV beside or above it."""

    def __init__(self, url: str, pause: Callable[[float], None] = time.sleep) -> None:
        self._pause = pause
        base = url.rstrip("/")
        is_log = self._get(f"{base}/{CHECKPOINT}") is not None
        self._prefix = base if is_log else f"{base}/log"
        self._site = self._prefix.rsplit("/", 1)[0]

    def read(self, name: str) -> bytes | None:
        return self._get(f"{self._prefix}/{name}")

    def open(self, name: str) -> BinaryIO | None:
        """What stands at the site itself, such as its ledger.csv."""
        for tried in range(TRIES):
            try:
                address = f"{self._site}/{name}"
                answer: BinaryIO = urllib.request.urlopen(address, timeout=TIMEOUT_SECONDS)  # noqa: S310
                return answer
            except urllib.error.HTTPError as error:
                if error.code == 404:
                    return None
                self._wait_or_raise(name, tried, error)
            except OSError as error:
                self._wait_or_raise(name, tried, error)
        return None

    def _get(self, url: str) -> bytes | None:
        request = urllib.request.Request(url, headers={"Accept-Encoding": "gzip"})  # noqa: S310 - the user's own address
        for tried in range(TRIES):
            try:
                with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
                    data: bytes = answer.read(MOST_BYTES + 1)
                    packed = answer.headers.get("Content-Encoding") == "gzip"
                return gzip.decompress(data) if packed else data
            except urllib.error.HTTPError as error:
                if error.code in (404, 410):
                    return None
                self._wait_or_raise(url, tried, error)
            except (OSError, EOFError) as error:
                self._wait_or_raise(url, tried, error)
        return None

    def _wait_or_raise(self, name: str, tried: int, error: Exception) -> None:
        if tried == TRIES - 1:
            raise SourceUnreachable(name=name, problem=str(error)) from error
        self._pause(FIRST_PAUSE_SECONDS * 2**tried)


class Kept:
    """A source whose full tiles are kept in a folder, so that a run that was broken off goes on where it ended.

    What lies there is checked like everything else: it saves the way, not the work.
    """

    def __init__(self, source: Source, folder: Path) -> None:
        self._source = source
        self._folder = Folder(folder)
        self._path = folder

    def read(self, name: str) -> bytes | None:
        if not name.startswith("tile/") or ".p/" in name:
            return self._source.read(name)
        data = self._folder.read(name)
        if data is None and (data := self._source.read(name)) is not None:
            path = self._path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            new = path.with_name(f".{path.name}")
            new.write_bytes(data)
            new.replace(path)
        return data

    def open(self, name: str) -> BinaryIO | None:
        return self._source.open(name)


def source_of(given: str) -> Source:
    """What an address, a folder or a zip file names. Raises SourceUnreachable."""
    if given.startswith(("http://", "https://")):
        return Site(given)
    path = Path(given)
    if path.is_dir():
        return Folder(path)
    if path.is_file():
        return Zip(path)
    raise SourceUnreachable(name=given, problem="there is no such file or folder")
