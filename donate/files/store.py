"""Where the bytes lie: a directory now, an object store later behind the same three methods."""

import hashlib
import os
import secrets
from pathlib import Path

from donate.errors import NotFound


class Store:
    """Content-addressed files under one folder: a file's name is the SHA-256 of its bytes, so it never changes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, content: bytes) -> bytes:
        """Keep `content` and return its SHA-256. Keeping it twice is harmless, also at the same moment."""
        sha256 = hashlib.sha256(content).digest()
        path = self._path(sha256)
        if path.exists():
            return sha256
        path.parent.mkdir(parents=True, exist_ok=True)
        half_written = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        try:
            with half_written.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            half_written.replace(path)
        finally:
            half_written.unlink(missing_ok=True)
        return sha256

    def read(self, sha256: bytes) -> bytes:
        """The bytes under this hash. Raises NotFound."""
        try:
            return self._path(sha256).read_bytes()
        except FileNotFoundError:
            raise NotFound from None

    def erase(self, sha256: bytes) -> None:
        """Remove the bytes for good, such as a photo that had to be taken down."""
        self._path(sha256).unlink(missing_ok=True)

    def _path(self, sha256: bytes) -> Path:
        name = sha256.hex()
        return self._folder / name[:2] / name
