"""Where templates, static files and migrations lie: at the top of a checkout, inside an installed package."""

from pathlib import Path

PACKAGE = Path(__file__).parent


def top_folder(name: str) -> Path:
    """The folder `name` (templates, static or migrations) of a checkout or of an installed wheel."""
    installed = PACKAGE / "_top" / name
    return installed if installed.is_dir() else PACKAGE.parent / name
