"""The whole log as files, byte for byte as it is served: what any web server of static files can publish again."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from donate.db import Database, Role
from donate.publiclog import tree
from donate.publiclog.totals_file import TotalsAhead, totals
from donate.publiclog.tree import vkeys
from donate.tlog.tiles import WIDTH, Tile, bundles_of, tiles_of

REPORT_EVERY = 100


def export(database: Database, folder: Path, progress: Callable[[int], None]) -> int:
    """Write what is published to `folder`, full tiles that are there already left alone; the size that it then has.

    One snapshot, so that all of it belongs to one checkpoint, which is written last.
    """
    with database.reading(Role.WEB) as session:
        signed = tree.published(session)
        if signed is None:
            return 0
        for done, tile in enumerate(_parts(signed.size), 1):
            path = folder / tile.path
            if tile.width < WIDTH or not path.exists():
                data = tree.tile_bytes(session, tile)
                if data is None:
                    raise tree.TreeIncomplete(tile.path)
                _write(path, data)
            if done % REPORT_EVERY == 0:
                progress(done)
        _write(folder / "vkey", "".join(f"{key}\n" for key in vkeys(session)).encode())
        with suppress(TotalsAhead):  # a sequencer was killed between signing and showing; those of before still hold
            _write(folder / "totals.csv", totals(session))
        _write(folder / "checkpoint", signed.note)
        return signed.size


def _parts(size: int) -> Iterator[Tile]:
    yield from bundles_of(size)
    yield from tiles_of(size)


def _write(path: Path, data: bytes) -> None:
    """Under its name only once it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.write_bytes(data)
    new.replace(path)
