"""Before staff say whose a balance line is: whether the provider, or a message of its that waits here, says it better.

A message may fail for hours while its line already stands in suspense. Explained then, the money would be in the books
twice, since the message is tried until it is booked.
"""

from sqlalchemy import text
from sqlalchemy.orm import Session

from donate.db import reading
from donate.errors import N_, DonateError
from donate.giving.merchants import merchant_of
from donate.giving.refund_sync import refresh_charge
from donate.ledger.models import MerchantAccount
from donate.payments.gateway import MerchantRef, ProviderRefused, ProviderUnavailable
from donate.payments.merchants import gateway_for
from donate.settings import Settings
from donate.settling import owners
from donate.settling.models import Met, ProviderLine


class MessageWaits(DonateError):
    sentence = N_(
        "A message of the provider that may say what this balance line is could not be handled yet. It is tried again"
        " by itself; explain the line after that, if it still stands here."
    )
    status = 409


class ProviderSaysNothing(DonateError):
    sentence = N_(
        "The payment provider has to be asked first whether this balance line belongs to a payment of ours, and gives"
        " no answer now. Nothing was booked; please try again later."
    )
    status = 503


def ask_first(line_id: int, settings: Settings) -> None:
    """Read what a line is about at the provider, so that its owner is known if it is ours. With no transaction open.

    Raises ProviderSaysNothing.
    """
    with reading() as session:
        line = session.get(ProviderLine, line_id)
        if line is None or line.met != Met.SUSPENSE or line.explained_at is not None:
            return
        account = session.get_one(MerchantAccount, line.merchant_account_id).ref
    if not owners.may_be_ours(line.kind, line.source_id):
        return
    merchant = merchant_of(account)
    try:
        refresh_charge(merchant, _charge_of(merchant, line, settings), settings)
    except ProviderUnavailable as error:
        raise ProviderSaysNothing from error
    except ProviderRefused as error:
        if error.facts.get("code") != "resource_missing":  # what is not there belongs to nobody here
            raise ProviderSaysNothing from error


def _charge_of(merchant: MerchantRef, line: ProviderLine, settings: Settings) -> str:
    gateway, source = gateway_for(merchant, settings), line.source_id or ""
    if line.kind in owners.CHARGES:
        return source
    if owners.is_dispute(line.kind, source):
        return gateway.read_dispute(source).charge_id
    return gateway.read_refund(source).charge_id


def refuse_while_a_message_waits(session: Session, merchant: str, line: ProviderLine) -> None:
    """Raises MessageWaits."""
    if not owners.may_be_ours(line.kind, line.source_id):
        return
    facts = {
        "merchant": merchant,
        "named": f'"{line.source_id}"'.encode(),
        "is_charge": line.kind in owners.CHARGES,
    }
    if session.execute(_WAITS, facts).scalar_one():
        raise MessageWaits


# A session or an invoice is paid by a charge that its message need not name.
_WAITS = text(
    """
    SELECT EXISTS (
      SELECT FROM provider_event
      WHERE merchant = :merchant AND outcome IN ('new', 'failed')
        AND (position(CAST(:named AS bytea) IN body) > 0
             OR :is_charge AND (kind LIKE 'checkout.session.%' OR kind = 'invoice.paid')))
    """
)
