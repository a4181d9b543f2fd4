"""The chart of accounts and the reasons for entries, as data with a sentence each.

The books keep transfers (debit account, credit account, positive amount). Donations raise a fund directly and
fees lower it directly, so income and expense by fund are read from (account kind, reason): `STATEMENT_LINES`.

A refund leaves by where its money lies. What came through the provider goes back through the provider, whether it was
settled or not: fund / clearing, and clearing / fund should it fail. What was recorded lies in the charity's bank and
is sent back from there: fund / bank, and bank / fund should the donor's bank turn it back. Both are `refund` and
`refund_failed`, since both lower what a campaign was given; which of the two it was, its legs say.
"""

from dataclasses import dataclass
from enum import StrEnum

from donate.errors import N_


class AccountClass(StrEnum):
    """Where an account stands on the balance sheet and in outside accounting tools."""

    ASSET = "asset"
    LIABILITY = "liability"
    FUND = "fund"
    INCOME = "income"
    EXPENSE = "expense"


@dataclass(frozen=True, slots=True)
class AccountKind:
    """One line of the chart. A kind with `is_many` has an account per campaign or payee: `fund:yunxi`."""

    name: str
    account_class: AccountClass
    sentence: str
    is_many: bool = False


KINDS = {
    kind.name: kind
    for kind in (
        AccountKind("clearing", AccountClass.ASSET, N_("Money that the payment provider holds for the charity.")),
        AccountKind("disputed", AccountClass.ASSET, N_("Money that the provider holds back while a dispute is open.")),
        AccountKind("bank", AccountClass.ASSET, N_("Money in the charity’s own bank account.")),
        AccountKind(
            "fund", AccountClass.FUND, N_("Money given for one campaign, spent on nothing else."), is_many=True
        ),
        AccountKind(
            "general", AccountClass.FUND, N_("The charity’s general fund, which bears dispute fees and shortfalls.")
        ),
        AccountKind("jar", AccountClass.FUND, N_("Money given to jars and not yet directed to a campaign.")),
        AccountKind("match", AccountClass.FUND, N_("Money of matching donors that waits for donations to match.")),
        AccountKind(
            "fee_cover", AccountClass.FUND, N_("Money that pays processing fees, so that small donations arrive whole.")
        ),
        AccountKind(
            "payable",
            AccountClass.LIABILITY,
            N_("Money approved for a school or supplier and not yet paid."),
            is_many=True,
        ),
        AccountKind("payable_refunds", AccountClass.LIABILITY, N_("Refunds owed that have not left yet.")),
        AccountKind(
            "processing_fees", AccountClass.EXPENSE, N_("Fees of the provider that belong to no single campaign.")
        ),
        AccountKind("dispute_fees", AccountClass.EXPENSE, N_("Fees of the provider for disputes.")),
        AccountKind("bank_charges", AccountClass.EXPENSE, N_("What the bank charges.")),
        AccountKind("interest", AccountClass.INCOME, N_("Interest that the bank pays.")),
        AccountKind("opening", AccountClass.FUND, N_("Balances brought in when the book was opened.")),
        AccountKind("suspense", AccountClass.LIABILITY, N_("Money that nobody can explain yet; a person is looking.")),
    )
}


class Reason(StrEnum):
    """Why an entry exists. A closed list: each has its sentence and its reversal is `reversal`."""

    sentence: str

    def __new__(cls, value: str, sentence: str) -> "Reason":
        member = str.__new__(cls, value)
        member._value_ = value
        member.sentence = sentence
        return member

    DONATION = "donation", N_("Donation")
    RECORDED_DONATION = "recorded_donation", N_("Recorded donation")
    JAR_FILLED = "jar_filled", N_("Jar filled")
    JAR_DIRECTED = "jar_directed", N_("Jar directed")
    PROCESSING_FEE = "processing_fee", N_("Processing fee")
    FEE_COVERED = "fee_covered", N_("Fee covered")
    REFUND = "refund", N_("Refund")
    REFUND_FAILED = "refund_failed", N_("Refund failed")
    DISPUTE_OPENED = "dispute_opened", N_("Dispute opened")
    DISPUTE_WON = "dispute_won", N_("Dispute won")
    DISPUTE_LOST = "dispute_lost", N_("Dispute lost")
    DISPUTE_FEE = "dispute_fee", N_("Dispute fee")
    SHORTFALL_COVERED = "shortfall_covered", N_("Shortfall covered")
    SETTLEMENT = "settlement", N_("Settlement")
    SETTLEMENT_FAILED = "settlement_failed", N_("Settlement failed")
    BANK_CHARGE = "bank_charge", N_("Bank charge")
    INTEREST = "interest", N_("Interest")
    MATCH = "match", N_("Match")
    DISBURSEMENT_APPROVED = "disbursement_approved", N_("Disbursement approved")
    DISBURSEMENT_PAID = "disbursement_paid", N_("Disbursement paid")
    DISBURSEMENT_RETURNED = "disbursement_returned", N_("Disbursement returned")
    SURPLUS_MOVED = "surplus_moved", N_("Surplus moved")
    SUSPENSE_CLEARED = "suspense_cleared", N_("Suspense cleared")
    PROVIDER_ADJUSTMENT = "provider_adjustment", N_("Provider adjustment")
    REVERSAL = "reversal", N_("Reversal")
    OPENING = "opening", N_("Opening balance")


class StatementLine(StrEnum):
    """A line of the statement of activities; `sentence` is its title, `sign` +1 income, -1 expense, 0 neither."""

    sentence: str
    sign: int

    def __new__(cls, value: str, sentence: str, sign: int) -> "StatementLine":
        member = str.__new__(cls, value)
        member._value_ = value
        member.sentence = sentence
        member.sign = sign
        return member

    DONATIONS = "donations", N_("Donations"), 1
    MATCHED = "matched", N_("Matching funds received"), 1
    INTEREST = "interest", N_("Interest"), 1
    FEES = "fees", N_("Payment fees"), -1
    REFUNDS = "refunds", N_("Refunds and lost disputes"), -1
    PROGRAMME = "programme", N_("Paid to schools and suppliers"), -1
    BANK_CHARGES = "bank_charges", N_("Bank charges"), -1
    BETWEEN_FUNDS = "between_funds", N_("Moved between funds"), 0


_FUND_LINES = {
    Reason.DONATION: StatementLine.DONATIONS,
    Reason.RECORDED_DONATION: StatementLine.DONATIONS,
    Reason.JAR_FILLED: StatementLine.DONATIONS,
    Reason.JAR_DIRECTED: StatementLine.BETWEEN_FUNDS,
    Reason.PROCESSING_FEE: StatementLine.FEES,
    Reason.FEE_COVERED: StatementLine.BETWEEN_FUNDS,
    Reason.REFUND: StatementLine.REFUNDS,
    Reason.REFUND_FAILED: StatementLine.REFUNDS,
    Reason.DISPUTE_LOST: StatementLine.REFUNDS,
    Reason.DISPUTE_FEE: StatementLine.FEES,
    Reason.SHORTFALL_COVERED: StatementLine.BETWEEN_FUNDS,
    Reason.MATCH: StatementLine.BETWEEN_FUNDS,
    Reason.DISBURSEMENT_APPROVED: StatementLine.PROGRAMME,
    Reason.DISBURSEMENT_RETURNED: StatementLine.PROGRAMME,
    Reason.SURPLUS_MOVED: StatementLine.BETWEEN_FUNDS,
    Reason.SUSPENSE_CLEARED: StatementLine.DONATIONS,
    Reason.PROVIDER_ADJUSTMENT: StatementLine.FEES,
    Reason.OPENING: StatementLine.BETWEEN_FUNDS,
}

# (account kind, reason) -> the line it adds to. Balance-sheet accounts have none; a reversal takes its original's.
STATEMENT_LINES: dict[tuple[str, Reason], StatementLine] = {
    (kind, reason): line
    for kind in ("fund", "general", "jar", "match", "fee_cover", "opening")
    for reason, line in _FUND_LINES.items()
} | {
    ("processing_fees", Reason.PROCESSING_FEE): StatementLine.FEES,
    ("processing_fees", Reason.PROVIDER_ADJUSTMENT): StatementLine.FEES,
    ("processing_fees", Reason.SUSPENSE_CLEARED): StatementLine.FEES,
    ("dispute_fees", Reason.DISPUTE_FEE): StatementLine.FEES,
    ("bank_charges", Reason.BANK_CHARGE): StatementLine.BANK_CHARGES,
    ("interest", Reason.INTEREST): StatementLine.INTEREST,
}

# Accounts that every book has from its first day.
STANDARD_CODES = tuple(kind.name for kind in KINDS.values() if not kind.is_many)


def kind_of(code: str) -> AccountKind:
    """The chart's line for an account code such as `bank` or `fund:yunxi`. Raises KeyError."""
    return KINDS[code.partition(":")[0]]


def fund_code(campaign: str) -> str:
    """The code of a campaign's fund."""
    return f"fund:{campaign}"


def payable_code(payee: str) -> str:
    """The code of what is owed to a payee; `payee` is an opaque reference, never a name."""
    return f"payable:{payee}"
