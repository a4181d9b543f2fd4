"""The log as a folder: the same bytes as over HTTP, whole at every moment."""

from pathlib import Path

from flask.testing import FlaskClient

from donate.db import Database
from donate.publiclog import mirror
from donate.publiclog.publishing import Publisher
from tests.publiclog.factories import checkpoints, log_donations


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_every_file_is_what_the_site_serves_under_that_name(
    database: Database, publisher: Publisher, book_id: int, client: FlaskClient, tmp_path: Path
) -> None:
    log_donations(database, publisher, book_id, 600)
    size = mirror.export(database, tmp_path / "mirror", lambda _: None)
    assert size == checkpoints(database)[-1].size
    names = files(tmp_path / "mirror")
    assert {"checkpoint", "vkey", "tile/0/000", "tile/0/001", "tile/1/000.p/2", "tile/entries/000"} <= set(names)
    for name in names:
        assert client.get(f"/log/{name}").data == (tmp_path / "mirror" / name).read_bytes(), name


def test_a_later_export_leaves_full_tiles_alone_and_adds_what_is_new(
    database: Database, publisher: Publisher, book_id: int, client: FlaskClient, tmp_path: Path
) -> None:
    log_donations(database, publisher, book_id, 300)
    mirror.export(database, tmp_path / "mirror", lambda _: None)
    before = (tmp_path / "mirror/tile/0/000").stat().st_mtime_ns
    log_donations(database, publisher, book_id, 300)
    mirror.export(database, tmp_path / "mirror", lambda _: None)
    assert (tmp_path / "mirror/tile/0/000").stat().st_mtime_ns == before
    assert (tmp_path / "mirror/checkpoint").read_bytes() == client.get("/log/checkpoint").data


def test_before_anything_is_published_nothing_is_written(database: Database, tmp_path: Path) -> None:
    assert mirror.export(database, tmp_path / "new", lambda _: None) == 0
    assert not (tmp_path / "new").exists()
