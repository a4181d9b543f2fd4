"""The built world: sound books, public figures that agree with giving, and a second start that uses it again."""

import stat
from dataclasses import replace

import pytest
from sqlalchemy import func, select, text

from donate import clock
from donate.campaigns.complaints import open_complaints
from donate.campaigns.models import Campaign, CampaignUpdate, Complaint, UnitPrice, UpdatePhoto
from donate.campaigns.queries import LicenceExpired, campaign_for_giving
from donate.campaigns.service import missing_of
from donate.db import Database
from donate.demo.content import campaigns
from donate.demo.logins import make_logins
from donate.demo.world import DatabaseInUse, NotForRealMoney, WorldHalfBuilt, build_world
from donate.files.models import StoredFile
from donate.files.store import Store
from donate.giving.checks import ALL_CHECKS
from donate.giving.models import Checkout
from donate.ledger import checks
from donate.ledger.models import Book
from donate.ledger.provider_checks import PROVIDER_CHECKS
from donate.organisations.service import register_organisation
from donate.people import passwords
from donate.people.models import User
from donate.sequencer import drain
from donate.settings import Settings
from donate.settling.bank_matching import candidates
from donate.settling.bank_totals import totals_of
from donate.settling.reconcile import reconcile
from tests.demo.conftest import BuiltWorld


def test_every_check_of_the_ledger_holds(sample: BuiltWorld):
    with sample.database.reading() as session:
        assert [result.name for result in checks.run_checks(session, ALL_CHECKS) if not result.is_ok] == []
        stored = checks.last_run(session)
    assert stored is not None
    assert stored.is_ok


def test_what_the_books_hold_at_the_bank_is_accounted_for_in_every_book(sample: BuiltWorld):
    with sample.database.reading() as session:
        books = session.scalars(select(Book)).all()
        found = [totals_of(session, book, candidates(session, book.id)) for book in books]
    assert [one.rest_minor for one in found] == [0] * len(books)
    assert any(one.sample_minor for one in found)
    assert any(one.open_minor for one in found)


def test_campaigns_stand_where_the_content_says(sample: BuiltWorld):
    with sample.database.reading() as session:
        states = dict(session.execute(select(Campaign.ref, Campaign.state)).all())
    assert states == {given.ref: given.state for given in campaigns()}


def by_campaign(sample: BuiltWorld, query: str) -> dict[str, int]:
    with sample.database.reading() as session:
        return dict(session.execute(text(query)).all())


def test_the_campaign_totals_equal_what_was_given(sample: BuiltWorld):
    drain(sample.database)
    given = by_campaign(
        sample,
        """
        SELECT campaign_ref, sum(donation.amount_minor) FROM donation JOIN checkout ON checkout.id = checkout_id
        WHERE booked_as = 'donations' GROUP BY 1
        """,
    )
    by_bank = by_campaign(
        sample, "SELECT campaign, sum(amount_minor) FROM day_total WHERE reason = 'recorded_donation' GROUP BY 1"
    )
    undone = by_campaign(
        sample, "SELECT campaign, sum(amount_minor) FROM day_total WHERE reason = 'reversal' GROUP BY 1"
    )
    totals = by_campaign(sample, "SELECT campaign, received_minor FROM campaign_total")
    assert len(totals) == 14
    for campaign, received in totals.items():
        assert received == given[campaign] + by_bank.get(campaign, 0) - undone.get(campaign, 0)


def test_every_paid_donation_has_its_entry_its_receipt_number_and_its_line(sample: BuiltWorld):
    drain(sample.database)
    missing = text(
        """
        SELECT count(*) FROM donation JOIN checkout ON checkout.id = checkout_id AND booked_as = 'donations'
        LEFT JOIN entry ON entry.idempotency_key = 'donation:' || donation.public_id
        LEFT JOIN receipt_number receipt ON receipt.entry_id = entry.id
        LEFT JOIN log_leaf leaf ON leaf.entry_id = entry.id
        WHERE receipt.number IS NULL OR leaf.log_index IS NULL
        """
    )
    with sample.database.reading() as session:
        assert session.scalar(missing) == 0


def test_the_log_follows_the_days(sample: BuiltWorld):
    backwards = text(
        """
        SELECT count(*) FROM (SELECT day, lag(day) OVER (ORDER BY log_index) AS before FROM log_leaf WHERE kind = 'entry') x
        WHERE day < before
        """
    )
    with sample.database.reading() as session:
        assert session.scalar(backwards) == 0


def test_a_licence_that_ran_out_stops_donations(sample: BuiltWorld):
    with sample.database.reading() as session:
        jiaxian = campaign_for_giving(session, "jiaxian", clock.today("Asia/Shanghai"))
        yunxi = campaign_for_giving(session, "yunxi", clock.today("Asia/Shanghai"))
    assert isinstance(jiaxian.closed_reason, LicenceExpired)
    assert yunxi.closed_reason is None


def test_the_draft_still_misses_what_the_law_asks_for(sample: BuiltWorld):
    with sample.database.reading() as session:
        missing = {
            ref: missing_of(session, session.scalars(select(Campaign).filter_by(ref=ref)).one())
            for ref in ("hefeng", "yunxi")
        }
    assert missing["hefeng"] == ["beneficiaries_en", "use_zh", "use_en", "surplus_zh", "surplus_en"]
    assert missing["yunxi"] == []


def test_prices_have_a_history(sample: BuiltWorld):
    with sample.database.reading() as session:
        yunxi = select(Campaign.id).where(Campaign.ref == "yunxi").scalar_subquery()
        prices = session.scalars(
            select(UnitPrice.amount_minor).where(UnitPrice.campaign_id == yunxi).order_by(UnitPrice.effective_on)
        ).all()
    assert list(prices) == [280, 300]


def test_updates_are_published_on_days_of_the_past_with_their_figures(sample: BuiltWorld):
    with sample.database.reading() as session:
        updates = session.scalars(select(CampaignUpdate)).all()
        photo_count = session.scalar(select(func.count()).select_from(UpdatePhoto))
    assert len(updates) == photo_count == 28
    assert all(update.published_at < clock.now() for update in updates)
    assert not [update.title_en for update in updates if "{" in update.body_zh + update.body_en]


def test_staff_find_one_complaint_that_waits_and_is_not_late(sample: BuiltWorld):
    with sample.database.reading() as session:
        waiting = open_complaints(session)
        answered = session.scalar(select(func.count()).where(Complaint.answered_at.is_not(None)))
    assert [(line.campaign_ref, line.is_late) for line in waiting] == [("yunxi", False)]
    assert answered == 2


def test_every_picture_lies_in_the_store(sample: BuiltWorld):
    store = Store(sample.settings.instance / "files")
    with sample.database.reading() as session:
        hashes = session.scalars(select(StoredFile.sha256)).all()
    assert len(hashes) == 44
    assert all(store.read(sha256) for sha256 in hashes)


def test_nothing_of_the_past_waits_for_the_provider(sample: BuiltWorld):
    with sample.database.reading() as session:
        past = session.scalars(select(Checkout).where(Checkout.created_at < sample.built_at)).all()
    assert [checkout.id for checkout in past if checkout.next_sync_at is not None] == []
    assert {checkout.state for checkout in past} == {"settled", "paid"}


def test_the_printed_passwords_are_right_and_random(sample: BuiltWorld):
    roles = ["organiser", "bookkeeper", "treasurer", "reviewer", "auditor", "admin"]
    assert [login.role for login in sample.logins] == roles
    assert len({login.password for login in sample.logins}) == len(roles)
    with sample.database.reading() as session:
        for login in sample.logins:
            user = session.scalars(select(User).filter_by(email=login.email)).one()
            assert passwords.current().matches(user.password_hash, login.password)


def test_the_passwords_are_kept_for_the_owner_of_the_installation_only(sample: BuiltWorld):
    file = sample.settings.instance / "logins.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_second_start_uses_the_world_again_with_the_same_logins(sample: BuiltWorld):
    steps: list[str] = []
    assert build_world(sample.database, sample.settings, steps.append) == sample.logins
    assert steps == []


def test_a_start_without_the_password_file_sets_new_passwords(sample: BuiltWorld, tmp_path):
    elsewhere = replace(sample.settings, instance=tmp_path)
    logins = build_world(sample.database, elsewhere, lambda _: None)
    assert [login.email for login in logins] == [login.email for login in sample.logins]
    assert not {login.password for login in logins} & {login.password for login in sample.logins}
    with sample.database.reading() as session:
        user = session.scalars(select(User).filter_by(email=logins[0].email)).one()
    assert passwords.current().matches(user.password_hash, logins[0].password)
    (sample.settings.instance / "logins.json").unlink()
    build_world(sample.database, sample.settings, lambda _: None)


def test_an_installation_with_real_keys_gets_no_sample_world(database: Database, settings: Settings):
    with pytest.raises(NotForRealMoney):
        build_world(database, replace(settings, stripe_keys={"main": "sk_test_1"}), lambda _: None)


def test_a_database_with_other_organisations_is_left_alone(database: Database, settings: Settings):
    with database.transaction() as session:
        register_organisation(session, ref="a-real-one", kind="host", name_zh="真的机构", name_en="A real one")
    with pytest.raises(DatabaseInUse):
        build_world(database, settings, lambda _: None)


def test_a_world_that_broke_off_half_way_is_told(database: Database, settings: Settings):
    with database.transaction() as session:
        make_logins(session)
        register_organisation(session, ref="xiangxinan", kind="host", name_zh="示例", name_en="Sample")
    with pytest.raises(WorldHalfBuilt, match="Remove the folder"):
        build_world(database, settings, lambda _: None)


def test_the_past_does_not_keep_the_books_from_agreeing_with_the_provider(sample: BuiltWorld):
    reconcile(sample.settings)
    with sample.database.reading() as session:
        results = checks.run_checks(session, PROVIDER_CHECKS)
    assert [result.name for result in results if not result.is_ok] == []
