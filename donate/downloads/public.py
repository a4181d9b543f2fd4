"""The downloads desk and its files. A finished month's files have addresses that never answer anything else."""

import hashlib
import re
from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from threading import BoundedSemaphore

from flask import Response, current_app, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from donate.auditing.turns import in_turn, turns
from donate.db import current, reading
from donate.downloads import bank, dictionary, manifest, queries
from donate.downloads.entries import blocks
from donate.downloads.files import CANONICAL, FILES, File, stream
from donate.downloads.models import DownloadMonth
from donate.downloads.months import BookMonth, one
from donate.downloads.reading import FORMAT
from donate.errors import N_, NotFound
from donate.publiclog import tree

FOR_EVER = "public, max-age=31536000, immutable"
RUNNING_SECONDS = 60  # of a month that goes on; its bytes belong to the size in the address all the same
MOST_SIZE = 2**63 - 1
# What a reader types to have our figures recomputed by programs that we did not write.
COMMANDS = ("hledger -f ledger.journal check --strict ordereddates", "bean-check ledger.beancount")
_MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])", re.ASCII).fullmatch
_CSV = "text/csv; charset=utf-8; header=present"


class NoSuchDownload(NotFound):
    """Raised for a book, month, log size or file that is not there."""

    sentence = N_(
        "There is no such file: no book, no month, no log size or no file of this name. The desk lists all that are."
    )


def downloads() -> str:
    book = request.args.get("book") or None
    typed = request.args.get("before")
    with reading() as session:
        desk = queries.desk(session, book=book, before=_month(typed) if typed else None)
    return render_template(
        "public/downloads.html",
        desk=desk,
        files=FILES.values(),
        csv_word=FILES[CANONICAL].title,
        manifest_name=manifest.NAME,
        commands=COMMANDS,
    )


def download(book: str, month: str, size: int, name: str) -> AnyResponse:
    """A file of a month as of a log size, or the month's manifest."""
    file = FILES.get(name)
    if file is None and name != manifest.NAME:
        raise NoSuchDownload
    with reading() as session:
        wanted, is_for_ever = _month_at(session, book, _month(month), size)
        if wanted.size != size:
            own = url_for("public.download", book=book, month=month, size=wanted.size, name=name)
            return _for(redirect(own, 301), is_for_ever=True)
        kept = queries.kept(session, wanted) if is_for_ever else None
        if file is None:
            origin = manifest.origin(session)
            root = kept.root if kept else tree.root(session, size)
    if file is None:
        answer = Response(_manifest(wanted, kept, origin, root), content_type="application/json")
    else:
        answer = _file(wanted, file, kept)
    answer.headers["Content-Disposition"] = f'attachment; filename="{book}-{month}-{size}-{name}"'
    return _for(answer, is_for_ever=is_for_ever)


def bank_reconciliation(book: str, month: str) -> Response:
    """Totals of the bank account by the log and by the bank's statement, as they are at this moment."""
    with reading() as session:
        wanted = one(session, tree.published_size(session), book, _month(month))
    if wanted is None:
        raise NoSuchDownload

    def written(session: Session) -> Iterator[bytes]:
        return blocks(bank.write(session, wanted))

    answer = Response(in_turn(current(), _turns(), written), content_type=_CSV)
    answer.headers["Content-Disposition"] = f'attachment; filename="{book}-{month}-{bank.NAME}"'
    answer.headers["Cache-Control"] = "no-cache"
    return answer


def data_dictionary() -> AnyResponse:
    """What every file and column means; the same until the next release."""
    answer = Response("".join(dictionary.write()), content_type=_CSV)
    answer.headers["Content-Disposition"] = f'attachment; filename="{dictionary.NAME}"'
    answer.headers["Cache-Control"] = "public, max-age=3600"
    answer.set_etag(hashlib.sha256(answer.get_data()).hexdigest()[:32])
    return answer.make_conditional(request)


def _month_at(session: Session, book: str, month: date, size: int) -> tuple[BookMonth, bool]:
    """The month as of `size`, or as of its own size where it was finished by then; whether that is for ever."""
    published = tree.published_size(session)
    if not 0 < size <= min(published, MOST_SIZE):
        raise NoSuchDownload
    wanted = one(session, size, book, month)
    if wanted is None:
        raise NoSuchDownload
    newest = one(session, published, book, month)
    return wanted, newest is not None and newest.is_finished and newest.size == wanted.size


def _file(wanted: BookMonth, file: File, kept: DownloadMonth | None) -> Response:
    def written(session: Session) -> Iterator[bytes]:
        return stream(session, wanted, file)

    known = {facts["name"]: facts for facts in kept.files}[file.name] if kept else None
    if known and known["sha256"] in request.if_none_match:
        return Response(status=304, headers={"ETag": f'"{known["sha256"]}"'})
    answer = Response(in_turn(current(), _turns(), written), content_type=file.media_type)
    if known:
        answer.content_length = known["bytes"]
        answer.set_etag(known["sha256"])
    return answer


def _manifest(wanted: BookMonth, kept: DownloadMonth | None, origin: str, root: bytes) -> bytes:
    if kept:
        return manifest.written(wanted, origin=origin, root=root, files=kept.files)
    return _written_anew(wanted, origin, root)


@lru_cache(maxsize=32)
def _written_anew(wanted: BookMonth, origin: str, root: bytes) -> bytes:
    """Of a month that goes on, or was finished a moment ago: every file is written once to be hashed, in its turn."""

    def written(session: Session) -> Iterator[bytes]:
        yield manifest.written(wanted, origin=origin, root=root, files=manifest.hashed(session, wanted))

    return b"".join(in_turn(current(), _turns(), written))


def _for(answer: AnyResponse, *, is_for_ever: bool) -> AnyResponse:
    answer.headers["Cache-Control"] = FOR_EVER if is_for_ever else f"public, max-age={RUNNING_SECONDS}"
    return answer


def _turns() -> BoundedSemaphore:
    return turns(current_app.config["SETTINGS"].threads)


def _month(typed: str) -> date:
    """The first day of `2026-11`. Raises NoSuchDownload."""
    found = _MONTH(typed)
    if found is None or found[1] == "0000":
        raise NoSuchDownload
    return date(int(found[1]), int(found[2]), 1)


_FILES = f"/downloads/{FORMAT}"
ROUTES = [("/ledger/downloads", downloads, ["GET"])]
BARE_ROUTES = [
    (f"{_FILES}/<book>/<month>/<int:size>/<name>", download, ["GET"]),
    (f"{_FILES}/<book>/<month>/{bank.NAME}", bank_reconciliation, ["GET"]),
    (f"{_FILES}/{dictionary.NAME}", data_dictionary, ["GET"]),
]
