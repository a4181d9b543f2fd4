"""What happens to donors, banks and staff in a storm: by a seed, one thing at a time, at the sandbox and in our services."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError, TimeoutError
from sqlalchemy.orm import Session

from donate import clock
from donate.db import transaction
from donate.errors import DonateError
from donate.giving.charges import payment_of_checkout
from donate.giving.models import Checkout
from donate.giving.payment import begin_payment
from donate.giving.recurring_models import Recurring, StopReason
from donate.giving.recurring_sync import stop_recurring
from donate.giving.refund_models import RefundOrigin
from donate.giving.refund_sync import refresh_checkout, send_refund
from donate.giving.refunds import authorise_refund
from donate.giving.rhythm import Rhythm
from donate.giving.sync import sync_checkout
from donate.payments.models import SandboxObject
from donate.payments.sandbox import billing, disputes, movements, outcomes, payouts, refunds, ripening, store, trouble
from donate.payments.sandbox.faults import Fault
from donate.payments.sandbox.trouble import Breakage
from donate.settings import Settings
from tests.giving import back
from tests.giving import factories as giving
from tests.giving.test_fees import fill_cover
from tests.payments import factories as payments
from tests.payments import storm_staff as staff

MERCHANT = giving.MERCHANT
CAMPAIGNS = ("yunxi", "second", "third")
PATHS = ("/v1/checkout/sessions", "/v1/charges", "/v1/refunds", "/v1/subscriptions", "/v1/invoices", "/v1/payouts")
# Of a kind's objects the newest so many may be met again.
NEWEST = 60


@dataclass
class Storm:
    """One thing after the other, drawn from `chance`; what a kill interrupts counts as broken off."""

    settings: Settings
    chance: random.Random
    done: dict[str, int] = field(default_factory=dict)
    broken_off: int = 0

    def step(self) -> None:
        happen = self.chance.choices([kind for kind, _ in _HAPPENINGS], [weight for _, weight in _HAPPENINGS])[0]
        name = happen.__name__
        try:
            happen(self)
        except (DonateError, Fault):
            name = f"{name} refused"  # the provider or our own rules do not allow it, and nothing happened
        except (DBAPIError, TimeoutError):
            self.broken_off += 1
            time.sleep(0.1)
            return
        self.done[name] = self.done.get(name, 0) + 1

    def charge(self) -> str:
        return self._one_of("charge")

    def _one_of(self, kind: str) -> str:
        """A recent object of the provider's. Raises Fault when there is none."""
        with transaction() as session:
            found = session.scalars(
                select(SandboxObject.object_id)
                .where(SandboxObject.merchant == MERCHANT, SandboxObject.kind == kind)
                .order_by(SandboxObject.number.desc())
                .limit(NEWEST)
            ).all()
        if not found:
            raise Fault(404, "There is none yet.")
        return self.chance.choice(found)

    def give(self) -> None:
        """A donor pays for one to four donations, perhaps after a refusal."""
        made = self._opened()
        if self.chance.random() < 0.15:
            with transaction() as session:
                outcomes.decline(session, MERCHANT, made.session_id or "", "card")
        with transaction() as session:
            outcomes.pay(session, MERCHANT, made.session_id or "", made.method)

    def give_another_amount(self) -> None:
        """The page asks for another amount than was agreed, a little more or less."""
        made = self._opened()
        back.change_amount(made, made.amount_minor + self.chance.choice((-1, 1)) * self.chance.randint(1, 300))
        with transaction() as session:
            outcomes.pay(session, MERCHANT, made.session_id or "", made.method)

    def change_price(self) -> None:
        """Somebody changes what a standing promise costs, in the provider's dashboard: its later months differ."""
        promise = self._one_of("subscription")
        with transaction() as session:
            row = store.find(session, MERCHANT, "subscription", promise, lock=True)
            assert row is not None
            (item,) = row.body["items"]["data"]
            price = {**item["price"], "unit_amount": self.chance.randint(400, 3000)}
            store.change(row, items={**row.body["items"], "data": [{**item, "price": price}]})

    def walk_away(self) -> None:
        made = self._opened()
        with transaction() as session:
            row = session.scalars(select(SandboxObject).filter_by(object_id=made.session_id)).one()
            outcomes.expire(session, row, clock.now())

    def begin_monthly(self) -> None:
        made = self._opened(rhythm=Rhythm(is_monthly=True), method="card", count=1)
        with transaction() as session:
            outcomes.pay(session, MERCHANT, made.session_id or "", "card")

    def look_at_page(self) -> None:
        """A donor comes back from the provider's page, message or not."""
        with transaction() as session:
            references = session.scalars(select(Checkout.public_id).order_by(Checkout.id.desc()).limit(NEWEST)).all()
        if references:
            sync_checkout(self.chance.choice(references), self.settings)

    def refund_there(self) -> None:
        """In part or whole; by some terms it costs a little, or gives a little back."""
        amount = None if self.chance.random() < 0.3 else self._part()
        fee = self.chance.choice((0, 0, 0, 0, 25, -10))
        self._there(
            lambda session, charge: refunds.refund_in_dashboard(session, MERCHANT, charge, amount, fee_minor=fee)
        )

    def refund_by_us(self) -> None:
        """As the staff's door does it: a look at the charge, the refund written down, then sent."""
        with transaction() as session:
            paid = session.execute(
                select(Checkout.id, Checkout.public_id)
                .where(Checkout.booked_as.is_not(None))
                .order_by(Checkout.id.desc())
                .limit(NEWEST)
            ).all()
        if not paid:
            return
        checkout_id, reference = self.chance.choice(paid)
        refresh_checkout(reference, self.settings)
        with transaction() as session:
            payment = payment_of_checkout(session, checkout_id)
            assert payment is not None
            amount = None if self.chance.random() < 0.3 else self._part()
            refund = authorise_refund(
                session, payment, amount_minor=amount, origin=RefundOrigin.STAFF, by=1, note="asked by phone"
            )
            public_id = refund.public_id
        send_refund(public_id, self.settings)

    def fail_refund(self) -> None:
        refund = self._one_of("refund")
        with transaction() as session:
            refunds.fail_refund(session, MERCHANT, refund)

    def open_dispute(self) -> None:
        is_inquiry = self.chance.random() < 0.3
        self._there(lambda session, charge: disputes.open_dispute(session, MERCHANT, charge, is_inquiry=is_inquiry))

    def answer_dispute(self) -> None:
        """The charity's evidence, which costs something by some terms, and that comes back when it is won."""
        dispute, fee = self._one_of("dispute"), self.chance.choice((0, 1500))
        with transaction() as session:
            disputes.answer_dispute(session, MERCHANT, dispute, counter_fee=fee)

    def close_dispute(self) -> None:
        dispute, is_won = self._one_of("dispute"), self.chance.random() < 0.5
        returned = self.chance.choice((None, None, 0, 10_500))
        with transaction() as session:
            disputes.close_dispute(session, MERCHANT, dispute, won=is_won, returned_fee=returned)

    def warn_of_fraud(self) -> None:
        self._there(lambda session, charge: disputes.warn_of_fraud(session, MERCHANT, charge))

    def pass_month(self) -> None:
        promise, fails = self._one_of("subscription"), self.chance.random() < 0.25
        with transaction() as session:
            billing.let_card_fail(session, MERCHANT, promise, fails=fails)
            billing.pass_month(session, MERCHANT, promise)

    def stop_monthly(self) -> None:
        with transaction() as session:
            promises = session.scalars(select(Recurring.public_id).order_by(Recurring.id.desc()).limit(NEWEST)).all()
        if promises:
            stop_recurring(self.chance.choice(promises), StopReason.DONOR, self.settings)

    def pay_out(self) -> None:
        """Days pass at the provider for what waits there, then it pays out."""
        with transaction() as session:
            session.execute(_HASTEN, {"merchant": MERCHANT, "now": clock.now()})
        with transaction() as session:
            ripening.ripen(session, clock.now(), MERCHANT)
        with transaction() as session:
            payouts.pay_out_now(session, MERCHANT)

    def fail_payout(self) -> None:
        payout = self._one_of("payout")
        with transaction() as session:
            payouts.fail_payout(session, MERCHANT, payout)

    def move_unexplained(self) -> None:
        """The provider takes or gives something by itself."""
        amount = self.chance.choice((-1, 1)) * self.chance.randint(10, 500)
        with transaction() as session:
            movements.move(
                session, MERCHANT, kind="stripe_fee" if amount < 0 else "adjustment", amount=amount, currency="cny",
                source=f"adj_{uuid4().hex[:12]}", now=clock.now(),
            )  # fmt: skip

    def pay_unknown_page(self) -> None:
        """A page that none of our rows knows: opened after our backup, or by other software on the same account."""
        self._pay_foreign(str(uuid4()))

    def pay_page_without_reference(self) -> None:
        self._pay_foreign(None)

    def pay_twice(self) -> None:
        """Two pages of one checkout, both paid."""
        made = self._opened()
        with transaction() as session:
            outcomes.pay(session, MERCHANT, made.session_id or "", made.method)
        self._pay_foreign(str(made.public_id))

    def pay_in_other_currency(self) -> None:
        """A page in dollars: of a checkout of ours, or of nobody's."""
        self._pay_foreign(str(self._opened().public_id) if self.chance.random() < 0.6 else None, currency="usd")

    def explain_money(self) -> None:
        staff.explain_money(self.settings, self.chance)

    def explain_line(self) -> None:
        staff.explain_line(self.chance)

    def break_calls(self) -> None:
        with transaction() as session:
            trouble.break_next(
                session, MERCHANT, self.chance.choice(list(Breakage)),
                times=self.chance.randint(1, 3), path=self.chance.choice(PATHS),
            )  # fmt: skip

    def switch_endpoint(self) -> None:
        """Off for the moment of a few payments, whose messages are never sent."""
        with transaction() as session:
            trouble.switch_endpoint(session, MERCHANT, is_on=False)
        try:
            for _ in range(self.chance.randint(1, 3)):
                self.give()
        finally:
            self._surely(lambda session: trouble.switch_endpoint(session, MERCHANT, is_on=True))

    def _surely(self, do: Callable[[Session], None]) -> None:
        while True:
            try:
                with transaction() as session:
                    do(session)
                return
            except (DBAPIError, TimeoutError):
                time.sleep(0.1)

    def _pay_foreign(self, reference: str | None, *, currency: str = "cny") -> None:
        metadata = {} if reference is None else {"checkout": reference}
        price = {"currency": currency, "unit_amount": 1500, "product_data": {"name": "Lunch"}}
        params = payments.sdk_params(
            line_items=[{"quantity": 1, "price_data": price}],
            client_reference_id=reference, metadata=metadata, payment_intent_data={"metadata": metadata},
        )  # fmt: skip
        opened = payments.sdk(self.settings).v1.checkout.sessions.create(params)
        with transaction() as session:
            outcomes.pay(session, MERCHANT, opened.id, "card")

    def _opened(self, *, count: int | None = None, **changes: object) -> Checkout:
        drawn = range(count or self.chance.choice((1, 1, 2, 4)))
        lines = [(self.chance.choice(CAMPAIGNS), self.chance.randint(400, 3000)) for _ in drawn]
        method = self.chance.choice(("card", "alipay"))
        new = giving.new_checkout(*lines, **{"method": method, **changes})
        begin_payment(new, self.settings)
        return giving.checkout(new.public_id)

    def _there(self, do: Callable[[Session, str], object]) -> None:
        charge = self.charge()
        with transaction() as session:
            do(session, charge)

    def _part(self) -> int:
        return self.chance.randint(50, 2000)


_HAPPENINGS: Sequence[tuple[Callable[[Storm], None], int]] = (
    (Storm.give, 300),
    (Storm.give_another_amount, 25),
    (Storm.change_price, 8),
    (Storm.walk_away, 40),
    (Storm.begin_monthly, 20),
    (Storm.look_at_page, 30),
    (Storm.refund_there, 120),
    (Storm.refund_by_us, 60),
    (Storm.fail_refund, 40),
    (Storm.open_dispute, 60),
    (Storm.answer_dispute, 20),
    (Storm.close_dispute, 60),
    (Storm.warn_of_fraud, 25),
    (Storm.pass_month, 120),
    (Storm.stop_monthly, 8),
    (Storm.pay_out, 8),
    (Storm.fail_payout, 6),
    (Storm.move_unexplained, 6),
    (Storm.pay_unknown_page, 6),
    (Storm.pay_page_without_reference, 4),
    (Storm.pay_twice, 6),
    (Storm.pay_in_other_currency, 8),
    (Storm.explain_money, 30),
    (Storm.explain_line, 6),
    (Storm.break_calls, 25),
    (Storm.switch_endpoint, 6),
)

_HASTEN = text(
    """
    UPDATE sandbox_object SET ripe_at = :now
    WHERE merchant = :merchant AND ripe_at > :now AND kind IN ('balance_transaction', 'payout', 'refund', 'invoice')
    """
)


def open_world() -> None:
    """Three campaigns of one host that raise, its merchant account, and a fee fund that soon runs short."""
    giving.raising()
    for ref in CAMPAIGNS[1:]:
        giving.raising(ref, beside="yunxi")
    fill_cover(giving.new_checkout().book_id, 2000)


def disturb_post(settings: Settings, seed: int, *, calm: bool = False) -> None:
    """Copies, losses and delays of a few seconds from now on; `calm` ends that."""
    percent = 0 if calm else 1
    with transaction() as session:
        trouble.disturb_post(
            session, MERCHANT, seed=seed, duplicate_percent=15 * percent, lost_percent=12 * percent,
            late_percent=25 * percent, late_seconds=6,
        )  # fmt: skip
