"""Where a verifier reads a log from: a site, a folder or a zip file, all by the same names below one prefix.

Whatever is wrong with the way to the bytes is SourceUnreachable, so that it is never taken for a fault of the log.
"""

import struct
import time
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse, IncompleteRead, InvalidURL
from pathlib import Path
from typing import BinaryIO, Protocol, TypeVar, cast

from donate.errors import N_, DonateError

TIMEOUT_SECONDS = 30
MOST_BYTES = 64 * 1024 * 1024  # of anything but the CSV, which is read as it comes
TRIES = 4
FIRST_PAUSE_SECONDS = 0.5
CHECKPOINT = "checkpoint"
GZIP_ONLY = 31  # zlib's window bits for "the largest, and in a gzip file"
MALFORMED = (ValueError, InvalidURL, OverflowError)  # an address that no second try makes better
BROKEN = (OSError, EOFError, HTTPException, zlib.error)
NO_ZIP = (zipfile.BadZipFile, RuntimeError, struct.error)  # RuntimeError is what zipfile says of an encrypted member

Got = TypeVar("Got")


class SourceUnreachable(DonateError):
    sentence = N_("%(name)s cannot be read: %(problem)s")


class Source(Protocol):
    """Files by name; `read` answers None for what is not there. Both raise SourceUnreachable.

    What `open` answers has `read`, `readline` and `close`, which raise SourceUnreachable as well.
    """

    def read(self, name: str) -> bytes | None: ...

    def open(self, name: str) -> BinaryIO | None: ...


class Folder:
    """A folder, such as `donate log export` writes it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str) -> bytes | None:
        return _read_and_close(self.open(name), name)

    def open(self, name: str) -> BinaryIO | None:
        path = self._folder / name
        with _reading(path):
            return _stream(path.open("rb"), path) if path.is_file() else None


class Zip:
    """A zip file with such a folder in it, at its top or one folder down. Raises SourceUnreachable.

    One with two logs in it, or with one name twice, shows different readers different logs, and is refused.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with _reading(path):
            self._zip = zipfile.ZipFile(path)
        names = self._zip.namelist()
        if len(set(names)) != len(names):
            raise SourceUnreachable(name=path, problem="a name stands twice in it")
        tops = [name for name in names if name.split("/")[-1] == CHECKPOINT and name.count("/") <= 1]
        if len(tops) > 1:
            raise SourceUnreachable(name=path, problem="there is more than one log in it")
        self._prefix = tops[0].removesuffix(CHECKPOINT) if tops else ""

    def read(self, name: str) -> bytes | None:
        return _read_and_close(self.open(name), name)

    def open(self, name: str) -> BinaryIO | None:
        """A member. Others than stored and deflated ones are refused, as unpacking them takes memory without bound."""
        try:
            member = self._zip.getinfo(self._prefix + name)
        except KeyError:
            return None
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise SourceUnreachable(name=name, problem="it is packed in a way that is not read here")
        with _reading(name):
            return _stream(self._zip.open(member), name)


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
        address = f"{self._site}/{name}"
        return self._asked(address, {}, lambda answer: _stream(answer, address))

    def _get(self, url: str) -> bytes | None:
        """What stands at a whole address, unpacked; None where there is nothing. Raises SourceUnreachable."""
        return self._asked(url, {"Accept-Encoding": "gzip"}, lambda answer: _body(answer, url))

    def _asked(self, url: str, headers: dict[str, str], use: Callable[[HTTPResponse], Got]) -> Got | None:
        """What `use` makes of the answer, asked for again where the way to it broke."""
        for tried in range(TRIES):
            try:
                request = urllib.request.Request(url, headers=headers)  # noqa: S310 - the user's own address
                return use(urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS))  # noqa: S310
            except urllib.error.HTTPError as error:
                if error.code in (404, 410):
                    return None
                self._wait_or_raise(url, tried, error)
            except MALFORMED as error:
                raise SourceUnreachable(name=url, problem=_said(error)) from error
            except BROKEN as error:
                self._wait_or_raise(url, tried, error)
        return None

    def _wait_or_raise(self, name: str, tried: int, error: Exception) -> None:
        if tried == TRIES - 1:
            raise SourceUnreachable(name=name, problem=_said(error)) from error
        self._pause(FIRST_PAUSE_SECONDS * 2**tried)


class Kept:
    """A source whose full tiles are kept in a folder, so that a run that was broken off goes on where it ended.

    What lies there is checked like everything else: it saves the way, not the work. A tile is kept as soon as it is
    fetched, which is before it can be checked: were it kept only after the run, a run that was broken off would begin
    anew. So what is kept may be wrong (a captive portal's page for a tile), and whoever is about to refuse the log calls
    `start_anew` and reads once more. Raises SourceUnreachable, also where nothing can be written.
    """

    def __init__(self, source: Source, folder: Path) -> None:
        self._source = source
        self._folder = Folder(folder)
        self._path = folder
        self._fetched: set[str] = set()  # since the start
        self._has_used_kept = False
        self._is_anew = False
        with _reading(folder):
            folder.mkdir(parents=True, exist_ok=True)

    def read(self, name: str) -> bytes | None:
        if not name.startswith("tile/") or ".p/" in name:
            return self._source.read(name)
        if name not in self._fetched and self._is_anew:
            self._set_aside(name)
        data = self._folder.read(name)
        if data is not None:
            self._has_used_kept |= name not in self._fetched
        elif (data := self._source.read(name)) is not None:
            self._keep(name, data)
            self._fetched.add(name)
        return data

    def open(self, name: str) -> BinaryIO | None:
        return self._source.open(name)

    def start_anew(self) -> bool:
        """From here on read every tile from the source; False where all that was read came from there already."""
        if not self._has_used_kept:
            return False
        self._has_used_kept, self._is_anew = False, True
        self._fetched.clear()
        return True

    def _set_aside(self, name: str) -> None:
        """Move a kept tile to `refused/`: it may be what the log showed before it became another one.

        What lies there already stays as it is, so that `refused/` does not grow with every run.
        """
        path, aside = self._path / name, self._path / "refused" / name
        with _reading(path):
            if aside.exists():
                path.unlink(missing_ok=True)
            elif path.exists():
                aside.parent.mkdir(parents=True, exist_ok=True)
                path.replace(aside)

    def _keep(self, name: str, data: bytes) -> None:
        path = self._path / name
        with _reading(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            new = path.with_name(f".{path.name}")
            new.write_bytes(data)
            new.replace(path)


def source_of(given: str) -> Source:
    """What an address, a folder or a zip file names. Raises SourceUnreachable."""
    if given.startswith(("http://", "https://")):
        return Site(given)
    path = Path(given)
    with _reading(path):
        if path.is_dir():
            return Folder(path)
        if path.is_file():
            return Zip(path)
    raise SourceUnreachable(name=given, problem="there is no such file or folder")


class _Stream:
    """A file that is read as it comes; whatever breaks meanwhile is SourceUnreachable."""

    def __init__(self, file: BinaryIO | HTTPResponse, name: object) -> None:
        self._file, self._name = file, name

    def read(self, size: int = -1) -> bytes:
        with _reading(self._name):
            data = self._file.read(size)
            if size < 0 or len(data) < size:
                _refuse_cut(self._file, data)
        return data

    def readline(self, size: int = -1) -> bytes:
        with _reading(self._name):
            line = self._file.readline(size)
            if not line.endswith(b"\n") and (size < 0 or len(line) < size):
                _refuse_cut(self._file, line)
        return line

    def close(self) -> None:
        with _reading(self._name):
            self._file.close()


def _stream(file: object, name: object) -> BinaryIO:
    return cast("BinaryIO", _Stream(cast("BinaryIO", file), name))


def _read_and_close(file: BinaryIO | None, name: str) -> bytes | None:
    if file is None:
        return None
    try:
        return _bounded(file.read(MOST_BYTES + 1), name)
    finally:
        file.close()


def _body(answer: HTTPResponse, name: str) -> bytes:
    with answer:
        data = _bounded(answer.read(MOST_BYTES + 1), name)
        _refuse_cut(answer, data)
        return _unpacked(data, name) if answer.headers.get("Content-Encoding") == "gzip" else data


def _unpacked(data: bytes, name: str) -> bytes:
    """A gzip file of one member. Raises zlib.error, SourceUnreachable where it is longer than MOST_BYTES."""
    packed = zlib.decompressobj(GZIP_ONLY)
    unpacked = _bounded(packed.decompress(data, MOST_BYTES + 1), name)
    if not packed.eof or packed.unused_data:
        raise zlib.error("the packed answer ends too early, or something follows after it")
    return unpacked


def _bounded(data: bytes, name: str) -> bytes:
    if len(data) > MOST_BYTES:
        raise SourceUnreachable(name=name, problem=f"it is longer than {MOST_BYTES} bytes")
    return data


def _refuse_cut(file: object, data: bytes) -> None:
    """An answer that ended before its Content-Length: `read(size)` of http.client passes over that in silence."""
    missing = getattr(file, "length", None)
    if missing:
        raise IncompleteRead(data, missing)


@contextmanager
def _reading(name: object) -> Iterator[None]:
    """Turns what goes wrong with files, zip files and answers into SourceUnreachable."""
    try:
        yield
    except (*MALFORMED, *BROKEN, *NO_ZIP) as error:
        raise SourceUnreachable(name=name, problem=_said(error)) from error


def _said(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
