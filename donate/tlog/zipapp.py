"""The verifier as one file, for a machine that has Python and nothing of ours: `python3 -m donate.tlog.zipapp FILE`.

The same tree always gives the same bytes, so that anybody can rebuild what they were handed and compare.
"""

import stat
import sys
import zipfile
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
MAIN = "import sys\n\nfrom donate.tlog.verify_command import main\n\nsys.exit(main(name='donate-verify'))\n"
# The oldest date that a zip file knows.
DATE = (1980, 1, 1, 0, 0, 0)


def build(out: Path) -> None:
    """Write the program to `out`: the public log's pure parts, which import nothing else of the project."""
    sources = {"__main__.py": MAIN.encode(), "donate/__init__.py": b""}
    for path in (PACKAGE / "errors.py", *sorted((PACKAGE / "tlog").glob("*.py"))):
        sources[f"donate/{path.relative_to(PACKAGE)}"] = path.read_bytes()
    with out.open("wb") as file:
        file.write(b"#!/usr/bin/env python3\n")
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in sorted(sources):
                member = zipfile.ZipInfo(name, DATE)
                member.external_attr = (stat.S_IFREG | 0o644) << 16
                member.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(member, sources[name])
    out.chmod(0o755)


if __name__ == "__main__":
    build(Path(sys.argv[1]))
