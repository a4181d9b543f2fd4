"""A donor asks for money back, by the receipt's secret link; the charity accepts, which is a refund, or says why not."""

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from donate import clock
from donate.errors import N_, DonateError, NotFound
from donate.giving.charges import Payment, payment_of_checkout
from donate.giving.models import Booked, Checkout
from donate.giving.refund_models import Refund, RefundOrigin, RefundWish, RefundWishPrivate, WishState
from donate.giving.refunds import Left, NothingToRefund, PaymentDisputed, authorise_refund, left_of
from donate.text import TextTooLong, clean_text

WORDS_LENGTH = 1000
ANSWER_LENGTH = 1000


class AskedTooLate(DonateError):
    sentence = N_(
        "Money back can be asked for here within %(days)s days after paying. Please write to the charity instead."
    )
    status = 409


class AskedAlready(DonateError):
    """A wish that overlaps with this one is open."""

    sentence = N_("You have asked for this already; the charity is looking at it.")
    status = 409


class DeclinedAlready(DonateError):
    sentence = N_("The charity has declined this already; its answer stands on your receipt’s page.")
    status = 409


class WordsTooLong(TextTooLong):
    field = "words"


class AnswerMissing(DonateError):
    sentence = N_("Write down why; the donor reads it.")
    status = 422
    field = "answer"


class AnswerTooLong(TextTooLong):
    field = "answer"


class WishDecided(DonateError):
    sentence = N_("Somebody has decided on this request already.")
    status = 409


def is_in_time(checkout: Checkout, days: int) -> bool:
    return checkout.paid_at is not None and clock.now() < checkout.paid_at + timedelta(days=days)


def paid_checkout(session: Session, secret: str) -> Checkout:
    """The checkout behind a secret link, if its donations are in the books. Raises NotFound."""
    checkout = session.scalars(
        select(Checkout).where(
            Checkout.secret == secret, Checkout.booked_as.in_((Booked.DONATIONS.value, Booked.CLEARED.value))
        )
    ).one_or_none()
    if checkout is None:
        raise NotFound
    return checkout


def ask(
    session: Session, secret: str, *, donation: UUID | None, words: str, wish_id: UUID | None, days: int
) -> RefundWish:
    """Write down a wish for all of one donation, or of all of the payment (None). The same form again is the same wish.

    Raises NotFound, WordsTooLong, AskedTooLate, AskedAlready, DeclinedAlready, PaymentDisputed, NothingToRefund.
    """
    checkout = paid_checkout(session, secret)
    payment = payment_of_checkout(session, checkout.id)
    if payment is None:
        raise NotFound
    donation_id = _donation_id(payment, donation)
    earlier = session.scalars(select(RefundWish).where(RefundWish.checkout_id == checkout.id)).all()
    for wish in earlier:
        is_same = wish.donation_id == donation_id and wish.state == WishState.ASKED
        if is_same or wish.public_id == wish_id:
            return wish
    if not is_in_time(checkout, days):
        raise AskedTooLate(days=days)
    overlapping = [wish for wish in earlier if donation_id is None or wish.donation_id in (None, donation_id)]
    if any(wish.state == WishState.DECLINED for wish in overlapping):
        raise DeclinedAlready
    if any(wish.state == WishState.ASKED for wish in overlapping):
        raise AskedAlready
    left = left_of(session, payment)
    if left.is_disputed:
        raise PaymentDisputed
    if wanted_of(left, donation_id) <= 0:
        raise NothingToRefund
    said = clean_text(words, WORDS_LENGTH, WordsTooLong)
    is_taken = wish_id is None or session.scalar(select(RefundWish.id).where(RefundWish.public_id == wish_id))
    wish = RefundWish(
        public_id=uuid4() if is_taken or wish_id is None else wish_id, checkout_id=checkout.id, donation_id=donation_id
    )
    session.add(wish)
    session.flush()
    session.add(RefundWishPrivate(wish_id=wish.id, words=said))
    session.flush()
    return wish


def wanted_of(left: Left, donation_id: int | None) -> int:
    """What a wish would bring back as things stand."""
    return left.amount_minor if donation_id is None else left.by_donation.get(donation_id, 0)


def _donation_id(payment: Payment, donation: UUID | None) -> int | None:
    if donation is None:
        return None
    for part in payment.parts:
        if part.public_id == donation:
            return part.donation_id
    raise NotFound


def accept(session: Session, wish: RefundWish, *, by: int) -> Refund:
    """Authorise what is left of what was asked for. Accepted twice, it is the same refund.

    Raises WishDecided where it was declined, and what authorise_refund raises.
    """
    payment, wish = _locked(session, wish)
    if wish.state == WishState.ACCEPTED and wish.refund_id is not None:
        return session.get_one(Refund, wish.refund_id)
    if wish.state != WishState.ASKED:
        raise WishDecided
    amounts: Mapping[int, int] | None = None
    if wish.donation_id is not None:
        amounts = {wish.donation_id: left_of(session, payment).by_donation.get(wish.donation_id, 0)}
        if amounts[wish.donation_id] <= 0:
            raise NothingToRefund
    refund = authorise_refund(session, payment, origin=RefundOrigin.DONOR, by=by, amounts=amounts)
    wish.state = WishState.ACCEPTED.value
    wish.decided_by = by
    wish.decided_at = clock.now()
    wish.refund_id = refund.id
    session.flush()
    return refund


def decline(session: Session, wish: RefundWish, *, by: int, answer: str) -> None:
    """Say no, with a reason that the donor reads. Raises AnswerMissing, AnswerTooLong, WishDecided."""
    words = clean_text(answer, ANSWER_LENGTH, AnswerTooLong)
    if not words:
        raise AnswerMissing
    _, wish = _locked(session, wish)
    if wish.state != WishState.ASKED:
        raise WishDecided
    wish.state = WishState.DECLINED.value
    wish.decided_by = by
    wish.decided_at = clock.now()
    private = session.get(RefundWishPrivate, wish.id)
    if private is None:
        session.add(RefundWishPrivate(wish_id=wish.id, answer=words))
    else:
        private.answer = words
    session.flush()


def _locked(session: Session, wish: RefundWish) -> tuple[Payment, RefundWish]:
    """The payment first, as everywhere, then what became of the wish meanwhile."""
    payment = payment_of_checkout(session, wish.checkout_id)
    if payment is None:
        raise NotFound
    query = select(RefundWish).where(RefundWish.id == wish.id).with_for_update()
    return payment, session.scalars(query.execution_options(populate_existing=True)).one()
