"""From what was typed in the refund form to how much goes back of which donation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from donate.errors import N_, DonateError
from donate.giving.payment_queries import DonationLine
from donate.giving.refunds import RefundTooLarge
from donate.money import Money, parse_amount


class NothingChosen(DonateError):
    sentence = N_("Say how much goes back of at least one donation.")
    status = 422


class FormIncomplete(DonateError):
    """The hidden field that makes a form sent twice the same refund is missing or altered."""

    sentence = N_("This form was changed on its way, so it was not used. Please look it over and send it again.")
    status = 422


@dataclass(frozen=True, slots=True)
class RefundForm:
    """What goes back, by donation id, and the id that makes the form sent twice one refund."""

    public_id: UUID
    amounts: Mapping[int, int]


def amount_field(index: int) -> str:
    return f"amount-{index}"


def read_refund(
    typed: Mapping[str, str], donations: Sequence[DonationLine], currency: str
) -> tuple[RefundForm | None, dict[str, DonateError]]:
    """The form, or None with every error by its field. An empty amount or 0 refunds nothing of that donation."""
    errors: dict[str, DonateError] = {}
    amounts: dict[int, int] = {}
    for index, donation in enumerate(donations):
        given = typed.get(amount_field(index), "").strip()
        if not given or donation.left_minor <= 0:
            continue
        try:
            amount_minor = parse_amount(given, currency).minor
            if amount_minor > donation.left_minor:
                raise RefundTooLarge(most=f"{Money(donation.left_minor, currency).plain} {currency}")
        except DonateError as error:
            errors[amount_field(index)] = error
            continue
        if amount_minor > 0:
            amounts[donation.id] = amount_minor
    if not amounts and not errors:
        errors[amount_field(next((i for i, line in enumerate(donations) if line.left_minor > 0), 0))] = NothingChosen()
    try:
        public_id = UUID(typed.get("refund", ""))
    except ValueError:
        return None, {"": FormIncomplete(), **errors}
    return (None if errors else RefundForm(public_id, amounts)), errors
