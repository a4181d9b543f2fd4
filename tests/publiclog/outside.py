"""`.github/VERIFY.md` as a stranger uses it: its blocks saved as files or run as they stand, in a folder of their own."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.laws.source import ROOT

PAGE = (ROOT / ".github" / "VERIFY.md").read_text(encoding="utf-8")
X_MOD = Path("/usr/share/gocode/src/golang.org/x/mod")
ADDRESS = "http://127.0.0.1:8000"

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_FILE = re.compile(r"(?:#|//) (\w+\.\w+) ")


def files() -> dict[str, str]:
    """The blocks that begin with a file's name, by that name."""
    return {found[1]: text for _, text in _BLOCK.findall(PAGE) if (found := _FILE.match(text))}


def commands(holding: str) -> str:
    """The one block of commands that has this in it."""
    (found,) = [
        text for kind, text in _BLOCK.findall(PAGE) if kind == "sh" and holding in text and not _FILE.match(text)
    ]
    return found


def needed(tool: str, package: str, *, is_there: bool) -> None:
    """Without a tool its tests are left out, or fail where all tools are required."""
    if is_there:
        return
    missing = f"no {tool} on this machine (apt-get install {package})"
    if os.environ.get("TESTS_TOOLS") == "required":
        pytest.fail(f"TESTS_TOOLS=required, and {missing}")
    pytest.skip(missing)


def needs_openssl() -> None:
    for tool in ("openssl", "curl"):
        needed(tool, tool, is_there=shutil.which(tool) is not None)


def needs_go() -> None:
    needed("go", "golang-go", is_there=shutil.which("go") is not None)
    needed("golang.org/x/mod", "golang-golang-x-mod-dev", is_there=X_MOD.is_dir())


class Stranger:
    """Somebody with an empty folder, the page, a log's address (a site's or a mirror's folder) and its key from elsewhere."""

    def __init__(self, folder: Path, log: str, vkey: str) -> None:
        self.folder, self.log = folder, log
        folder.mkdir()
        for name, text in files().items():
            (folder / name).write_text(text, encoding="utf-8")
        (folder / "vkey").write_text(f"{vkey}\n")

    def run(self, holding: str, **changed: str) -> subprocess.CompletedProcess[str]:
        """The page's commands, with the log's own address and other values of their variables in place of the page's."""
        script = commands(holding).replace(f"{ADDRESS}/log", self.log).replace(ADDRESS, self.site)
        for name, value in changed.items():
            script, count = re.subn(rf"\b{name}=\S+", f"{name}={value}", script)
            assert count == 1, f"{name} is no variable of these commands"
        return self.tell("sh", "-c", script)

    def tell(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)

    @property
    def site(self) -> str:
        return self.log.removeprefix("file://").removesuffix("/log")
