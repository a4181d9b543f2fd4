"""Builds the sample world in an empty database: once, in seconds, through the doors that real people use."""

from collections.abc import Callable, Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from donate import clock
from donate.db import Database
from donate.demo import lives
from donate.demo.booking import book_past, open_payables
from donate.demo.checkouts import BookOfHost, write_checkouts
from donate.demo.concerns import voice_concerns
from donate.demo.content import campaigns, hosts, on, partners
from donate.demo.lives import Cast
from donate.demo.logins import Login, email_of, keep_logins, kept_logins, make_logins, renew_logins
from donate.demo.past import CHECKOUTS, ZONE, Past, morning, plan_past
from donate.demo.pictures import Photos, drawn_meanwhile
from donate.errors import N_, DonateError
from donate.files.store import Store
from donate.giving.checks import ALL_CHECKS
from donate.ledger import books, checks
from donate.ledger.models import LedgerCheck
from donate.organisations.models import Organisation
from donate.organisations.service import register_organisation, renew_licence, sign_agreement
from donate.people.models import User
from donate.people.service import create_user
from donate.settings import Settings

# The day on which the organisations came to this site, before anything else happened.
BEGAN = -360


class NotForRealMoney(DonateError):
    sentence = N_(
        "The sample world is built only where the sandbox takes the payments; this installation has real keys."
    )


class DatabaseInUse(DonateError):
    sentence = N_("The database already holds organisations that are no samples; the demo wants a database of its own.")


class WorldHalfBuilt(DonateError):
    sentence = N_(
        "An earlier start broke off and left half a sample world. Remove the folder %(folder)s and start again."
    )


def build_world(
    database: Database, settings: Settings, progress: Callable[[str], None], checkouts: int = CHECKOUTS
) -> list[Login]:
    """The sample world's logins: it is built when the database is empty, and used again when it stands already.

    `database` is migrated and bound to this thread. Passwords are kept in the instance folder, so that each start
    prints the same ones; where that file is gone, new ones are set.
    Raises NotForRealMoney, DatabaseInUse, WorldHalfBuilt.
    """
    if settings.is_production or not settings.is_sandbox:
        raise NotForRealMoney
    if stands_already(database, settings):
        return _logins_again(database, settings)
    progress("Thinking of ten months")
    with drawn_meanwhile() as photos:
        past = plan_past(campaigns(), clock.now(), checkouts)
        progress("Drawing schools and kitchens")
        with database.transaction() as session:
            logins = make_logins(session)
            homes = _settle_organisations(session, past)
            users = {email: user_id for user_id, email in session.execute(select(User.id, User.email))}
            _live_campaigns(session, past, _cast(session, settings, users, photos))
            voice_concerns(session, past, users[email_of("admin")])
    progress(f"Giving {len(past.checkouts):,} times")
    book_ids = {host: home.book_id for host, home in homes.items()}
    with database.transaction() as session:
        public_ids = write_checkouts(session, past, homes)
        with clock.frozen_at(morning(past.today, BEGAN)):
            open_payables(session, past, book_ids)
    progress("Booking day after day, and numbering each line of the public log")
    book_past(database, past, book_ids, public_ids)
    progress("Checking the ledger")
    keep_logins(settings, logins)
    _check_ledger(database, settings)
    return logins


def stands_already(database: Database, settings: Settings) -> bool:
    """Whether the whole sample world is there; False for an empty database. Raises DatabaseInUse, WorldHalfBuilt."""
    ours = {host.ref for host in hosts()} | {partner.ref for partner in partners()}
    with database.reading() as session:
        found = set(session.scalars(select(Organisation.ref)))
        # The ledger is checked last, so a stored result says that everything before it was done.
        is_complete = session.scalar(select(LedgerCheck.id).limit(1)) is not None
    if found - ours:
        raise DatabaseInUse
    if found and not is_complete:
        raise WorldHalfBuilt(folder=settings.instance)
    return bool(found)


def _logins_again(database: Database, settings: Settings) -> list[Login]:
    logins = kept_logins(settings)
    if logins is None:
        with database.transaction() as session:
            logins = renew_logins(session)
        keep_logins(settings, logins)
    return logins


def _settle_organisations(session: Session, past: Past) -> dict[str, BookOfHost]:
    """Hosts with licence, book and merchant account; partners with their agreement."""
    homes = {}
    with clock.frozen_at(morning(past.today, BEGAN)):
        for host in hosts():
            organisation = register_organisation(session, **host.facts)
            renew_licence(
                session,
                organisation=organisation,
                number=host.licence.number,
                valid_from_on=on(past.today, host.licence.first_day),
                valid_to_on=on(past.today, host.licence.last_day),
                issued_by_zh=host.licence.issued_by_zh,
                issued_by_en=host.licence.issued_by_en,
            )
            book = books.open_book(
                session, ref=host.book, host=host.ref, currency="CNY", mode="sandbox", time_zone=ZONE.key
            )
            merchant = books.open_merchant_account(
                session, book_id=book.id, ref=host.merchant, provider="sandbox", livemode=False, tariff="mainland"
            )
            homes[host.ref] = BookOfHost(book.id, merchant.id)
        for partner in partners():
            organisation = register_organisation(session, **partner.facts)
            host_row = session.scalars(select(Organisation).filter_by(ref=partner.host)).one()
            sign_agreement(session, host=host_row, partner=organisation, signed_on=on(past.today, BEGAN))
    return homes


def _live_campaigns(session: Session, past: Past, cast: Cast) -> None:
    # Lists show the newest first, and the first of the content is the one to begin with.
    for text in reversed(campaigns()):
        lives.live(session, text, cast, past)


def _cast(session: Session, settings: Settings, users: Mapping[str, int], photos: Photos) -> Cast:
    """The people who may sign in play their own parts; the other parts are played by users without a password."""
    organisations = {row.ref: row for row in session.scalars(select(Organisation))}
    extra = {
        ref: create_user(session, email=f"{ref}@donate.example", name=row.name_zh, password=None).id
        for ref, row in organisations.items()
    }
    writers = {partner.ref: lives.writer(extra[partner.ref]) for partner in partners()}
    reviewers = {host.ref: lives.reviewer(extra[host.ref]) for host in hosts()}
    writers["xinhuang-service"] = lives.writer(users[email_of("organiser")])
    reviewers["xiangxinan"] = lives.reviewer(users[email_of("reviewer")])
    store = Store(settings.instance / "files")
    return Cast(organisations=organisations, writers=writers, reviewers=reviewers, store=store, photos=photos)


def _check_ledger(database: Database, settings: Settings) -> None:
    with database.reading() as session:
        results = checks.run_checks(session, ALL_CHECKS, merge_delay_seconds=settings.merge_delay_seconds)
        as_of = checks.newest_as_of(session)
    with database.transaction() as session:
        checks.store_result(session, results, as_of)
