"""The log over HTTP: what a C2SP client fetches, and that it is what the rows hold."""

import gzip

import pytest
from flask.testing import FlaskClient

from donate.db import Database
from donate.publiclog.publishing import Publisher
from donate.tlog.checkpoint import open_checkpoint
from donate.tlog.merkle import check_consistency, check_inclusion, consistency_proof, inclusion_proof
from donate.tlog.note import read_note, verifier_key
from donate.tlog.tiles import Tile, bundles_of, nodes_of, split_bundle, tiles_of
from tests.publiclog.factories import checkpoints, give, log_donations, stored_hashes, stored_leaves


def fetch(client: FlaskClient, tile: Tile) -> bytes:
    answer = client.get(f"/log/{tile.path}")
    assert answer.status_code == 200, tile
    return answer.data


@pytest.fixture
def filled(database: Database, publisher: Publisher, book_id: int) -> None:
    log_donations(database, publisher, book_id, 250, 270, 3)


def test_before_the_first_signature_there_is_nothing(client: FlaskClient, database: Database) -> None:
    for path in ("checkpoint", "vkey", "tile/0/000.p/1", "tile/entries/000.p/1"):
        assert client.get(f"/log/{path}").status_code == 404


def test_a_client_that_has_only_the_key_gets_the_whole_log(
    client: FlaskClient, database: Database, filled: None
) -> None:
    key = verifier_key(client.get("/log/vkey").text.strip())
    answer = client.get("/log/checkpoint")
    point = open_checkpoint(read_note(answer.data), [key])
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    leaves = [leaf for tile in bundles_of(point.size) for leaf in split_bundle(fetch(client, tile), tile.width)]
    assert leaves == stored_leaves(database)
    nodes = nodes_of(lambda tile: fetch(client, tile), point.size)
    hashes = stored_hashes(database)
    for index in (0, 255, 256, point.size - 1):
        check_inclusion(hashes[index], index, point.size, point.root, inclusion_proof(nodes, index, point.size))
    for old in checkpoints(database):
        check_consistency(old.size, old.root, point.size, point.root, consistency_proof(nodes, old.size, point.size))


def test_every_tile_of_every_signed_size_is_served(client: FlaskClient, database: Database, filled: None) -> None:
    for point in checkpoints(database):
        for tile in (*tiles_of(point.size), *bundles_of(point.size)):
            assert len(fetch(client, tile)) >= 32


def test_tiles_are_kept_for_ever_and_the_checkpoint_for_seconds(client: FlaskClient, filled: None) -> None:
    tile = client.get("/log/tile/0/000")
    assert (tile.headers["Content-Type"], "immutable" in tile.headers["Cache-Control"]) == (
        "application/octet-stream",
        True,
    )
    assert client.get("/log/checkpoint").headers["Cache-Control"] == "public, max-age=2"
    assert "Cookie" not in tile.headers.get("Vary", "")


def test_bundles_are_packed_for_who_takes_it(client: FlaskClient, filled: None) -> None:
    plain = client.get("/log/tile/entries/000")
    packed = client.get("/log/tile/entries/000", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    assert packed.headers["Vary"] == "Accept-Encoding"
    assert len(packed.data) < len(plain.data) / 2


@pytest.mark.parametrize(
    "path",
    ["tile/0/002.p/255", "tile/0/003", "tile/1/000", "tile/1/000.p/3", "tile/2/000.p/1", "tile/entries/009", "tile/64/000",
     "tile/0/0", "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/x999/x999/x999/x999/999", "tile/-1/000", "tile/a/000", "tile/0/000/",
     "tile/0/%ef%bc%90%ef%bc%90%ef%bc%90"],
)  # fmt: skip
def test_what_is_not_there_is_not_found(client: FlaskClient, filled, path: str) -> None:
    assert client.get(f"/log/{path}").status_code == 404


def test_what_is_signed_but_not_published_is_shown_to_nobody(
    client: FlaskClient, database: Database, publisher: Publisher, book_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_donations(database, publisher, book_id, 5)
    before = client.get("/log/checkpoint").data
    size = checkpoints(database)[-1].size
    monkeypatch.setattr(Publisher, "publish", lambda *_: 0)
    log_donations(database, publisher, book_id, 5)
    assert client.get("/log/checkpoint").data == before
    assert client.get(f"/log/tile/0/000.p/{size}").status_code == 200
    assert client.get(f"/log/tile/0/000.p/{size + 1}").status_code == 404


def test_what_waits_for_its_number_is_not_in_it(
    client: FlaskClient, database: Database, publisher: Publisher, book_id: int
) -> None:
    log_donations(database, publisher, book_id, 2)
    before = client.get("/log/checkpoint").data
    give(database, book_id, 2)
    assert client.get("/log/checkpoint").data == before
