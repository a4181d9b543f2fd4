"""Short names of accounts, as a line of the ledger has room for them."""

from donate.errors import N_
from donate.ledger import chart

ACCOUNTS = {
    "clearing": N_("Provider"),
    "disputed": N_("Held in dispute"),
    "bank": N_("Bank"),
    "fund": N_("Fund"),
    "general": N_("General fund"),
    "jar": N_("Jar"),
    "match": N_("Match fund"),
    "fee_cover": N_("Fee fund"),
    "payable": N_("Payable"),
    "payable_refunds": N_("Refunds payable"),
    "processing_fees": N_("Processing fees"),
    "dispute_fees": N_("Dispute fees"),
    "bank_charges": N_("Bank charges"),
    "interest": N_("Interest"),
    "opening": N_("Opening balances"),
    "suspense": N_("Unexplained"),
}


def account_words(code: str) -> tuple[str, str]:
    """An account's name, to be translated, and whose it is, such as a campaign's reference."""
    kind, _, owner = code.partition(":")
    return ACCOUNTS.get(kind, kind), owner


def direction(debit: str, credit: str) -> tuple[str, str]:
    """Where an amount comes from and goes to, as a reader sees it: from the debit to the credit account.

    Between two places where money lies it is the other way round: a settlement debits the bank, and the money comes
    from the provider.
    """
    is_moved = all(chart.kind_of(code).account_class is chart.AccountClass.ASSET for code in (debit, credit))
    return (credit, debit) if is_moved else (debit, credit)


def account_sentence(code: str) -> str:
    """What the account holds, in the chart's words."""
    return chart.kind_of(code).sentence
