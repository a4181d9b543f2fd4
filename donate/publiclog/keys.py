"""The log's secret keys, in a folder that only the sequencer reads: outside the database, beside what it remembers.

    <folder>/1.key         the key, `PRIVATE+KEY+<origin>+<id>+<base64>`, readable for its owner alone
    <folder>/2.key         while keys are changed: the next one, which signs beside the first
    <folder>/retired/…     keys that sign no longer
    <folder>/checkpoint    the newest checkpoint that was ever published

A key's name is the log's origin, its name for itself for ever; so all keys of a folder carry the same.
"""

import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from donate import clock
from donate.errors import N_, DonateError
from donate.tlog.note import SigningKey, VerifierKey, new_key, signing_key

JOINT_DAYS = 90  # how long both keys sign while keys are changed, so that everybody can take up the new one
RETIRED = "retired"
_NAME = re.compile(r"[1-9][0-9]{0,5}\.key")


class NoLogKey(DonateError):
    sentence = N_(
        "There is no key for the public log in %(folder)s. Make one with: donate log key new. If this log has signed "
        "before, bring its own key back instead: nobody can go on in its name without it."
    )


class LogKeyExists(DonateError):
    sentence = N_("%(folder)s holds a key already. A log keeps its key; change it with: donate log key change")
    status = 409


class LogKeysDiffer(DonateError):
    sentence = N_("The keys in %(folder)s are of several logs: %(names)s")


class KeysStillTogether(DonateError):
    sentence = N_("Both keys sign until %(until)s, so that everybody who checks the log can take up the new one.")
    status = 409


class NoKeyToRetire(DonateError):
    sentence = N_("%(folder)s holds one key; the log needs it. Change it first with: donate log key change")
    status = 409


class KeyFolder:
    """The secret keys of one log, oldest first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keys(self) -> tuple[SigningKey, ...]:
        """The keys that sign. Raises NoLogKey, LogKeysDiffer, KeyWrong."""
        keys = tuple(signing_key(path.read_text(encoding="ascii")) for path in self._paths())
        if not keys:
            raise NoLogKey(folder=self.folder)
        names = {key.name for key in keys}
        if len(names) > 1:
            raise LogKeysDiffer(folder=self.folder, names=", ".join(sorted(names)))
        return keys

    def make(self, origin: str) -> VerifierKey:
        """The first key of a log that calls itself `origin`. Raises LogKeyExists, KeyWrong."""
        if self._paths():
            raise LogKeyExists(folder=self.folder)
        return self._write(1, new_key(origin))

    def change(self) -> VerifierKey:
        """A second key for the same log, which signs beside the first from now on. Raises NoLogKey, LogKeyExists."""
        keys = self.keys()
        if len(keys) > 1:
            raise LogKeyExists(folder=self.folder)
        (path,) = self._paths()
        return self._write(int(path.stem) + 1, new_key(keys[0].name))

    def retire(self) -> VerifierKey:
        """Take the older of two keys out of use. Raises NoKeyToRetire, KeysStillTogether."""
        paths = self._paths()
        if len(paths) < 2:
            raise NoKeyToRetire(folder=self.folder)
        changed_at = datetime.fromtimestamp(paths[-1].stat().st_mtime, UTC)
        until = changed_at + timedelta(days=JOINT_DAYS)
        if clock.now() < until:
            raise KeysStillTogether(until=f"{until:%Y-%m-%d}")
        old = signing_key(paths[0].read_text(encoding="ascii"))
        retired = self.folder / RETIRED
        retired.mkdir(mode=0o700, exist_ok=True)
        paths[0].rename(retired / paths[0].name)
        return old.verifier

    def _paths(self) -> list[Path]:
        if not self.folder.is_dir():
            return []
        paths = [path for path in self.folder.iterdir() if _NAME.fullmatch(path.name)]
        return sorted(paths, key=lambda path: int(path.stem))

    def _write(self, number: int, key: SigningKey) -> VerifierKey:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.folder / f"{number}.key"
        try:
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise LogKeyExists(folder=self.folder) from None
        with open(file, "w", encoding="ascii") as writing:
            writing.write(key.spelt() + "\n")
            writing.flush()
            os.fsync(writing.fileno())
        return key.verifier
