from decimal import Decimal

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from donate import clock
from donate.db import Database, transaction
from donate.giving.booking import move_towards
from donate.giving.fees import FeeChanged, FeeInOtherCurrency, book_fee
from donate.giving.models import Checkout
from donate.ledger import cover
from donate.ledger.chart import Reason
from donate.ledger.journal import Leg, NewEntry
from donate.payments.gateway import ChargeFee
from donate.sequencer import drain
from donate.settings import Settings
from tests.giving import factories as make


def fee(made: Checkout, fee_minor: int | None = 9, currency: str = "CNY", merchant: str = make.MERCHANT) -> bool:
    known = ChargeFee(
        charge_id="ch_1",
        reference=made.public_id,
        amount_minor=made.amount_minor,
        currency="CNY",
        fee_minor=fee_minor,
        fee_currency=currency if fee_minor is not None else None,
    )
    with transaction() as session:
        return book_fee(session, merchant, made.public_id, known)


def paid(settings: Settings, *lines: tuple[str, int], **changes: object) -> Checkout:
    made = make.opened(settings, *lines)
    with transaction() as session:
        move_towards(session.connection(), make.MERCHANT, make.seen(made, **changes))
    return made


def fill_cover(book_id: int, amount_minor: int) -> None:
    entry = NewEntry(
        book_id=book_id,
        reason=Reason.OPENING,
        idempotency_key=f"cover {amount_minor}",
        effective_on=clock.now().date(),
        legs=(Leg(debit="bank", credit="fee_cover", amount_minor=amount_minor),),
    )
    with transaction() as session:
        cover.fill(session, entry)


def balance(code: str) -> int:
    statement = """
        SELECT coalesce(sum(CASE WHEN transfer.credit_id = account.id THEN amount_minor ELSE -amount_minor END), 0)
        FROM account LEFT JOIN transfer ON account.id IN (transfer.credit_id, transfer.debit_id)
        WHERE account.code = :code AND account.book_id = (SELECT book_id FROM campaign WHERE ref = 'yunxi')
    """
    with transaction() as session:
        found: Decimal = session.execute(text(statement), {"code": code}).scalar_one()
        return int(found)


def test_the_fund_bears_the_fee_once(database: Database, settings: Settings) -> None:
    make.raising()
    made = paid(settings)
    for _ in range(3):
        assert fee(made)
    assert make.booked() == [make.DONATION, make.FEE]
    after = make.checkout(made.public_id)
    assert (after.fee_minor, after.charge_id, after.next_sync_at) == (9, "ch_1", None)


def test_a_charge_of_another_account_costs_our_fund_nothing(database: Database, settings: Settings) -> None:
    make.raising()
    make.noise()
    made = paid(settings)
    assert fee(made, 999, merchant="noise")
    assert make.booked() == [make.DONATION]
    assert make.checkout(made.public_id).fee_booked_at is None


def test_a_fee_that_is_not_known_yet_is_not_booked(database: Database, settings: Settings) -> None:
    make.raising()
    made = paid(settings)
    assert fee(made, None)
    assert make.booked() == [make.DONATION]


def test_a_fee_before_its_payment_waits(database: Database, settings: Settings) -> None:
    make.raising()
    made = make.opened(settings)
    assert not fee(made)
    assert make.booked() == []


def test_a_fee_that_changes_is_refused(database: Database, settings: Settings) -> None:
    make.raising()
    made = paid(settings)
    fee(made)
    with pytest.raises(FeeChanged):
        fee(made, 10)


def test_a_fee_in_another_currency_is_refused(database: Database, settings: Settings) -> None:
    make.raising()
    made = paid(settings)
    with pytest.raises(FeeInOtherCurrency):
        fee(made, 9, "USD")


@pytest.mark.parametrize(("amounts", "fee_minor", "parts"), [((300, 200), 5, [3, 2]), ((100, 100, 100), 2, [1, 1])])
def test_a_fee_of_several_donations_is_split_exactly(
    database: Database, settings: Settings, amounts: tuple[int, ...], fee_minor: int, parts: list[int]
) -> None:
    make.raising()
    refs = ["yunxi", "datang", "beike"][: len(amounts)]
    for ref in refs[1:]:
        make.raising(ref, beside="yunxi")
    made = paid(settings, *zip(refs, amounts, strict=True))
    fee(made, fee_minor)
    found = {entry.campaign: entry.amount_minor for entry in make.booked() if entry.reason == "processing_fee"}
    assert [found.get(ref, 0) for ref in refs if ref in found] == parts


def test_the_fee_fund_covers_a_whole_fee_when_it_holds_it(database: Database, settings: Settings) -> None:
    make.raising()
    made = paid(settings)
    fill_cover(made.book_id, 9)
    fee(made)
    assert (balance("fund:yunxi"), balance("fee_cover")) == (1500, 0)


def test_the_fee_fund_never_covers_a_part(database: Database, settings: Settings) -> None:
    make.raising()
    made = paid(settings)
    fill_cover(made.book_id, 8)
    fee(made)
    assert (balance("fund:yunxi"), balance("fee_cover")) == (1491, 8)


def test_what_the_fee_fund_holds_is_public_once_it_is_numbered(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    make.raising()
    made = paid(settings)
    with transaction() as session:
        host = session.execute(text("SELECT host FROM book WHERE id = :id"), {"id": made.book_id}).scalar_one()
    fill_cover(made.book_id, 12345)
    # Each page once: pages are kept for a second.
    assert all("Fee fund" not in client.get(page).text for page in (f"/en/o/{host}", "/en/status"))
    drain(database)
    fee(made)
    assert all("123.45" in client.get(page).text for page in (f"/zh/o/{host}", "/zh/status")), "numbered entries only"
    drain(database)
    with transaction() as session:
        assert cover.numbered(session, made.book_id) == 12336


def test_the_fee_of_money_in_suspense_comes_out_of_suspense(database: Database, settings: Settings) -> None:
    make.raising()
    made = paid(settings, amount_minor=1400)
    fee(made)
    assert (balance("suspense"), balance("fund:yunxi")) == (1391, 0)


def test_the_fee_of_money_in_another_currency_is_not_booked(database: Database, settings: Settings) -> None:
    make.raising()
    made = paid(settings, currency="USD")
    assert fee(made, 9, "USD")
    assert make.booked() == []


def test_a_fee_of_nothing_is_known_and_makes_no_entry(database: Database, settings: Settings) -> None:
    make.raising()
    made = paid(settings)
    assert fee(made, 0)
    assert make.booked() == [make.DONATION]
    assert make.checkout(made.public_id).fee_minor == 0
