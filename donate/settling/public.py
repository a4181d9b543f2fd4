"""The public's door to settling: how payments are doing, and every run that compared the provider with our books."""

from flask import render_template, request

from donate.campaigns.updates_organiser import ID
from donate.db import reading
from donate.settling import run_queries
from donate.settling.health import payment_health


def payments() -> str:
    with reading() as session:
        health = payment_health(session)
    return render_template("public/payments.html", health=health)


def payment_runs() -> str:
    """The runs, newest first."""
    with reading() as session:
        listed, before = run_queries.runs(session, _place("before"))
    return render_template("public/payment_runs.html", runs=listed, before=before, is_first=_place("before") is None)


def payment_run(run_id: int) -> str:
    """One run for ever at its own address, with every difference that it found."""
    with reading() as session:
        page = run_queries.run_page(session, run_id, _place("after") or 0)
    return render_template("public/payment_run.html", page=page, run=page.run)


def _place(name: str) -> int | None:
    """Where a page of a list begins; what is none of ours is the beginning."""
    typed = request.args.get(name, type=int)
    return typed if typed is not None and 0 < typed < 2**63 else None


ROUTES = [
    ("/health-of-payments", payments, ["GET"]),
    ("/health-of-payments/runs", payment_runs, ["GET"]),
    (f"/health-of-payments/runs/<{ID}:run_id>", payment_run, ["GET"]),
]
