"""The host's door to money that goes back: payments with all that came back of them, refunds, disputes, wishes.

A host's owners and treasurers see the payments to their own book; the staff see all of them through the same views,
which hang a second time in refund_staff.py. Whoever sends money back gave their password lately.
"""

from uuid import UUID, uuid4

from flask import current_app, redirect, render_template, request, url_for
from sqlalchemy.orm import Session

from donate.campaigns.organiser import Errors, Page, user
from donate.db import reading, transaction
from donate.errors import DonateError, NotFound
from donate.giving import money_back_queries as back
from donate.giving import payment_queries as queries
from donate.giving import wish_queries, wishes
from donate.giving.charges import payment_of_checkout
from donate.giving.models import CheckoutState
from donate.giving.money_back_queries import Hosts
from donate.giving.payment_queries import MAY_REFUND, PaymentFile
from donate.giving.recorded_organiser import sign_in_again
from donate.giving.refund_forms import RefundForm, amount_field, read_refund
from donate.giving.refund_models import Refund, RefundOrigin, RefundState, RefundWish
from donate.giving.refunding import refund_checkout
from donate.giving.refunds import RefundNoteMissing, authorise_refund
from donate.settings import Settings

RECENT = 20


def hosts() -> Hosts:
    """Whose payments this request may see: all at the staff's desk, else those of the user's hosts."""
    return None if request.blueprint == "staff" else user().organisations(*MAY_REFUND)


def payments() -> Page:
    """What waits and what happened last; a search leads to one payment, and leaves no secret in an address."""
    errors: Errors = {}
    if request.method == "POST":
        try:
            with reading() as session:
                found = queries.find_payment(session, hosts(), request.form.get("find", ""))
            return redirect(url_for(".payment", public_id=found), 303)
        except DonateError as error:
            errors = {error.field or "": error}
    before = request.args.get("before", "")
    with reading() as session:
        lines, onward = queries.payment_lines(session, hosts(), _key(before))
        page = render_template(
            "organiser/payments.html",
            may_see=hosts() is None or bool(hosts()),
            lines=lines,
            onward=onward,
            is_first=not before,
            waiting=wish_queries.waiting_wishes(session, hosts(), queries.PAGE),
            refunds=back.refund_lines(session, hosts(), RECENT, Refund.state != RefundState.SUCCEEDED),
            running_count=back.running_disputes(session, hosts()),
            typed=request.form,
            errors=errors,
        )
    return (page, 422) if errors else page


def _key(given: str) -> int | None:
    return int(given) if given.isascii() and given.isdigit() and len(given) < 19 else None


def payment(public_id: UUID) -> str:
    """One payment: its donations, and all that came back of them."""
    with reading() as session:
        file = queries.payment_file(session, queries.checkout_of(session, hosts(), public_id))
        asked = wish_queries.wish_lines(session, hosts(), queries.PAGE, RefundWish.checkout_id == file.checkout.id)
    state = CheckoutState(file.checkout.state)
    return render_template("organiser/payment.html", file=file, state=state, wishes=asked)


def payment_refund(public_id: UUID) -> Page:
    """The form of a refund: how much goes back of each donation, and why."""
    with reading() as session:
        file = queries.payment_file(session, queries.checkout_of(session, hosts(), public_id))
    if not file.may_refund:
        return redirect(url_for(".payment", public_id=public_id), 303)
    # Asked before anything is typed, so that nothing typed is lost.
    if (again := sign_in_again(url_for(".payment_refund", public_id=public_id))) is not None:
        return again
    if request.method == "GET":
        return _refund_form(file, {})
    form, errors = read_refund(request.form, file.donations, file.currency)
    note = request.form.get("note", "")
    if not note.strip():
        errors["note"] = RefundNoteMissing()
    if form is None or errors:
        return _refund_form(file, errors), 422
    try:
        refunded = refund_checkout(public_id, _settings(), lambda session: _authorise(session, file, form, note))
    except DonateError as error:
        return _refund_form(file, {"" if error.field == "amount" else error.field or "": error}), error.status
    return redirect(url_for(".refund", public_id=refunded), 303)


def _authorise(session: Session, file: PaymentFile, form: RefundForm, note: str) -> Refund:
    found = payment_of_checkout(session, file.checkout.id)
    if found is None:
        raise NotFound
    return authorise_refund(
        session,
        found,
        origin=RefundOrigin.STAFF,
        by=user().id,
        amounts=form.amounts,
        note=note,
        public_id=form.public_id,
    )


def _refund_form(file: PaymentFile, errors: Errors) -> str:
    return render_template(
        "organiser/payment_refund.html",
        file=file,
        refund=request.form.get("refund") or uuid4(),
        amount_field=amount_field,
        typed=request.form,
        errors=errors,
    )


def refund(public_id: UUID) -> str:
    """One refund and what the provider answered."""
    with reading() as session:
        line = back.refund_line(session, hosts(), public_id)
        shares = back.refund_shares(session, public_id)
    return render_template("organiser/refund.html", line=line, shares=shares)


def disputes() -> str:
    """What donors' banks want back, with the day by which evidence is due, and issuers' warnings."""
    with reading() as session:
        lines = back.dispute_lines(session, hosts(), queries.PAGE)
        warnings = back.warning_lines(session, hosts(), queries.PAGE)
    return render_template(
        "organiser/disputes.html",
        may_see=hosts() is None or bool(hosts()),
        running=[line for line in lines if line.is_running],
        over=[line for line in lines if not line.is_running],
        warnings=warnings,
    )


def refund_wish(public_id: UUID) -> Page:
    """A donor's wish for money back: accept it, which refunds, or decline it with words that they read."""
    if request.method == "GET":
        return _wish_page(public_id, {})
    with reading() as session:
        asked = wish_queries.wish_of(session, hosts(), public_id)
        checkout = wish_queries.wish_lines(session, hosts(), 1, RefundWish.id == asked.id)[0].checkout
    try:
        if request.form.get("step") == "accept":
            if (again := sign_in_again(url_for(".refund_wish", public_id=public_id))) is not None:
                return again
            refunded = refund_checkout(
                checkout, _settings(), lambda session: wishes.accept(session, _wish(session, public_id), by=user().id)
            )
            return redirect(url_for(".refund", public_id=refunded), 303)
        with transaction() as session:
            wishes.decline(session, _wish(session, public_id), by=user().id, answer=request.form.get("answer", ""))
    except NotFound:
        raise
    except DonateError as error:
        return _wish_page(public_id, {error.field or "": error}), error.status
    return redirect(url_for(".refund_wish", public_id=public_id), 303)


def _wish(session: Session, public_id: UUID) -> RefundWish:
    return wish_queries.wish_of(session, hosts(), public_id)


def _wish_page(public_id: UUID, errors: Errors) -> str:
    with reading() as session:
        wish = wish_queries.wish_of(session, hosts(), public_id)
        line = wish_queries.wish_lines(session, hosts(), 1, RefundWish.id == wish.id)[0]
        wanted_minor = wish_queries.wanted_now(session, line, wish.checkout_id)
    return render_template(
        "organiser/refund_wish.html", wish=line, wanted_minor=wanted_minor, typed=request.form, errors=errors
    )


def _settings() -> Settings:
    settings: Settings = current_app.config["SETTINGS"]
    return settings


VIEWS = [
    ("/payments", payments, ["GET", "POST"]),
    ("/payments/<uuid:public_id>", payment, ["GET"]),
    ("/payments/<uuid:public_id>/refund", payment_refund, ["GET", "POST"]),
    ("/refunds/<uuid:public_id>", refund, ["GET"]),
    ("/disputes", disputes, ["GET"]),
    ("/refund-wishes/<uuid:public_id>", refund_wish, ["GET", "POST"]),
]
ROUTES = [(f"/desk{rule}", view, methods) for rule, view, methods in VIEWS]
