"""The public log over HTTP, as C2SP tlog-tiles has it: range queries over rows, so what is published is what is stored.

Tiles never change and are kept by caches for ever; the checkpoint for some seconds. Source: c2sp.org/tlog-tiles.
"""

import gzip

from flask import Response, request

from donate.db import reading
from donate.errors import NotFound
from donate.publiclog import totals_file, tree
from donate.tlog.tiles import BUNDLE, TileWrong, tile_of

CHECKPOINT_SECONDS = 2
FOR_EVER = "public, max-age=31536000, immutable"
SMALLEST_PACKED = 512


def checkpoint() -> Response:
    """The newest published checkpoint."""
    with reading() as session:
        signed = tree.published(session)
    if signed is None:
        raise NotFound
    return _text(signed.note)


def tile(path: str) -> Response:
    """A tile of hashes or a bundle of entries. What lies beyond the published size is not there."""
    try:
        wanted = tile_of(f"tile/{path}")
    except TileWrong:
        raise NotFound from None
    with reading() as session:
        data = tree.tile_bytes(session, wanted) if tree.is_within(wanted, tree.published_size(session)) else None
    if data is None:
        raise NotFound
    answer = Response(data, content_type="application/octet-stream", headers={"Cache-Control": FOR_EVER})
    return _packed(answer, data) if wanted.level == BUNDLE else answer


def vkey() -> Response:
    """The public keys of the log, a line each, oldest first."""
    with reading() as session:
        keys = tree.vkeys(session)
    if not keys:
        raise NotFound
    return _text("".join(f"{key}\n" for key in keys).encode())


def totals() -> Response:
    """What each campaign received, gave back and paid out, as of a size of the log: what pages show, to be compared."""
    with reading() as session:
        data = totals_file.totals(session)
    return _text(data, "text/csv")


def _text(data: bytes, kind: str = "text/plain") -> Response:
    headers = {"Cache-Control": f"public, max-age={CHECKPOINT_SECONDS}"}
    return Response(data, content_type=f"{kind}; charset=utf-8", headers=headers)


def _packed(answer: Response, data: bytes) -> Response:
    """Gzip where the reader takes it: a bundle of lines that resemble each other shrinks to a fifth."""
    answer.vary.add("Accept-Encoding")
    if request.accept_encodings["gzip"] and len(data) >= SMALLEST_PACKED:
        answer.set_data(gzip.compress(data, 6, mtime=0))
        answer.headers["Content-Encoding"] = "gzip"
    return answer


BARE_ROUTES = [
    ("/log/checkpoint", checkpoint, ["GET"]),
    ("/log/tile/<path:path>", tile, ["GET"]),
    ("/log/vkey", vkey, ["GET"]),
    ("/log/totals.csv", totals, ["GET"]),
]
