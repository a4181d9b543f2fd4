"""The ledger for everyone: its pages, its files, how it can be checked, and how the installation is doing."""

from collections.abc import Iterator

from flask import Response, current_app, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from donate.auditing import queries
from donate.auditing import status as status_queries
from donate.auditing.forms import read_ledger_query
from donate.auditing.turns import in_turn, turns
from donate.auditing.words import account_sentence, account_words, direction
from donate.db import current, reading
from donate.errors import NotFound
from donate.giving.checks import ALL_CHECKS
from donate.ledger.chart import Reason
from donate.publiclog import export
from donate.publiclog.queries import LineFilter, LinePage, position
from donate.tlog.leaf import COMMITMENT_DOMAIN, EntryLeaf


def ledger() -> AnyResponse | str | tuple[str, int]:
    query = read_ledger_query(request.args)
    if query.number is not None:
        return redirect(url_for("public.entry", seq=query.number))
    with reading() as session:
        wanted = query.wanted if not query.errors else LineFilter()
        found = queries.ledger_page(session, wanted, before=query.before, after=query.after)
    page = found.page if not query.errors else LinePage((), has_newer=False, has_older=False)
    drawn = render_template(
        "public/ledger.html",
        query=query,
        position=found.position,
        page=page,
        campaigns=found.campaigns,
        channels=found.channels,
        choices=found.choices,
        reasons=list(Reason),
        account_words=account_words,
        direction=direction,
        has_meals=queries.has_meals,
    )
    return (drawn, 422) if query.errors else drawn


def entry(seq: int) -> str:
    with reading() as session:
        found = queries.entry_page(session, seq)
    return render_template(
        "public/entry.html",
        position=found.position,
        line=found.line,
        leaf=found.line.leaf,
        is_entry=isinstance(found.line.leaf, EntryLeaf),
        campaigns=found.campaigns,
        channels=found.channels,
        reasons={reason.value: reason for reason in Reason},
        account_words=account_words,
        account_sentence=account_sentence,
        has_meals=queries.has_meals,
    )


def ledger_csv() -> Response:
    return _csv(None)


def campaign_csv(ref: str) -> Response:
    with reading() as session:
        if not queries.is_known_campaign(session, ref):
            raise NotFound
    return _csv(ref)


def checking() -> str:
    with reading() as session:
        run = status_queries.check_run(session)
        newest = position(session)
    return render_template(
        "public/checking.html",
        run=run,
        position=newest,
        columns=export.COLUMNS,
        checks=ALL_CHECKS,
        domain=COMMITMENT_DOMAIN.decode().strip(),
        verify_command=f"donate verify {current_app.config['SETTINGS'].base_url}",
    )


def status() -> str:
    with reading() as session:
        found = status_queries.status(session)
    settings = current_app.config["SETTINGS"]
    return render_template(
        "public/status.html",
        status=found,
        batch=settings.sequencer_batch,
        seconds=min(settings.sequencer_seconds, settings.merge_delay_seconds),
    )


def _csv(campaign: str | None) -> Response:
    """A file of entries as of the newest number, which its name carries, sent while it is being read."""
    with reading() as session:
        newest = position(session).newest
    as_of = -1 if newest is None else newest
    taken = turns(current_app.config["SETTINGS"].threads)

    def blocks(session: Session) -> Iterator[bytes]:
        return export.stream_csv(session.connection(), as_of=as_of, campaign=campaign)

    name = f"{campaign or 'ledger'}-as-of-{as_of if as_of >= 0 else 'nothing'}.csv"
    response = Response(in_turn(current(), taken, blocks), content_type="text/csv; charset=utf-8; header=present")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "no-cache"
    return response


ROUTES = [
    ("/ledger", ledger, ["GET"]),
    ("/ledger/<int:seq>", entry, ["GET"]),
    ("/how-to-check", checking, ["GET"]),
    ("/status", status, ["GET"]),
]
BARE_ROUTES = [
    ("/ledger.csv", ledger_csv, ["GET"]),
    ("/c/<ref>/ledger.csv", campaign_csv, ["GET"]),
]
