"""Why a refund was refused or came back, and why a bank disputes a payment, in our words.

The codes are those of the provider's API as its SDK names them: error codes of a refused refund (`StripeError.code`),
`Refund.failure_reason`, `Dispute.reason`. The lists are open: what is not known here gets a plain sentence.
"""

from donate.errors import N_

_REFUSED: dict[str | None, str] = {
    "charge_already_refunded": N_("The payment had been refunded whole already, perhaps at the provider itself."),
    "charge_disputed": N_("The donor’s bank disputes the payment; the money goes back that way or not at all."),
    "refund_disputed_payment": N_("The donor’s bank disputes the payment; the money goes back that way or not at all."),
    "balance_insufficient": N_(
        "The charity’s balance at the provider does not cover the refund. Try again once donations have come in, or "
        "top the balance up there."
    ),
    "insufficient_funds": N_(
        "The charity’s balance at the provider does not cover the refund. Try again once donations have come in, or "
        "top the balance up there."
    ),
    "amount_too_large": N_(
        "More was asked for than is left of the payment at the provider; something had been refunded there."
    ),
    "charge_not_refundable": N_("The provider does not refund this payment any more, most often since it is too old."),
    "charge_pending": N_("The payment has not gone through at the provider yet."),
    "resource_missing": N_("The provider does not know this payment under the key that is set up here."),
    # A refund of more than is left has no code at the provider, only a sentence.
    None: N_("More was asked for than is left of the payment at the provider; something had been refunded there."),
}
_REFUSED_OTHERWISE = N_("The provider gave a reason that has no words here; its code stands beside this line.")

_FAILED = {
    "lost_or_stolen_card": N_("The card was reported lost or stolen; its bank sent the money back."),
    "expired_or_canceled_card": N_("The card or account has expired or was closed; its bank sent the money back."),
    "charge_for_pending_refund_disputed": N_(
        "While the refund was on its way, the donor’s bank disputed the payment; the refund was stopped."
    ),
    "insufficient_funds": N_("The charity’s balance at the provider did not cover the refund."),
    "declined": N_("The donor’s bank did not take the refund."),
    "merchant_request": N_("The refund was called back at the provider."),
}
_FAILED_OTHERWISE = N_("The donor’s bank did not take the refund, and did not say why.")

_DISPUTED = {
    "fraudulent": N_("The card’s holder says that they did not pay"),
    "unrecognized": N_("The card’s holder does not recognise the payment"),
    "duplicate": N_("Charged twice, says the card’s holder"),
    "credit_not_processed": N_("A refund was promised and did not come, says the card’s holder"),
    "subscription_canceled": N_("Charged after it was cancelled, says the card’s holder"),
    "product_not_received": N_("Nothing came for it, says the card’s holder"),
    "product_unacceptable": N_("Not what was promised, says the card’s holder"),
    "noncompliant": N_("The card network says that its rules were not kept"),
}
_DISPUTED_OTHERWISE = N_("Another reason")


def why_refused(code: str | None) -> str:
    """Why the provider would not send a refund."""
    return _REFUSED.get(code, _REFUSED_OTHERWISE)


def why_failed(code: str | None) -> str:
    """Why a refund came back."""
    return _FAILED.get(code or "", _FAILED_OTHERWISE)


def why_disputed(reason: str) -> str:
    """What the donor's bank says."""
    return _DISPUTED.get(reason, _DISPUTED_OTHERWISE)
