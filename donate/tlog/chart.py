"""Which accounts an entry may move money between, by its reason, and what each account is: what a stranger holds it against.

Whatever else a signed line says is no bookkeeping of ours: money that leaves a fund for a reason that nobody counts, say.
"""

# The part of a code before its colon -> the class under which it is opened.
CLASSES = {
    "clearing": "asset",
    "disputed": "asset",
    "bank": "asset",
    "fund": "fund",
    "general": "fund",
    "jar": "fund",
    "match": "fund",
    "fee_cover": "fund",
    "payable": "liability",
    "payable_refunds": "liability",
    "processing_fees": "expense",
    "dispute_fees": "expense",
    "bank_charges": "expense",
    "interest": "income",
    "opening": "fund",
    "suspense": "liability",
}

# reason -> "debit credit", by kind of account. Both ways round where the provider or the bank may take or give. A reversal
# turns round what it reverses, whatever that was.
_MOVES = {
    "donation": "clearing fund",
    "recorded_donation": "bank fund, bank fee_cover, bank match",
    "jar_filled": "clearing jar",
    "jar_directed": "jar fund",
    "processing_fee": (
        "fund clearing, fund suspense, suspense clearing, general suspense, general clearing, clearing general, "
        "processing_fees clearing, jar clearing"
    ),
    "fee_covered": "fee_cover fund",
    "refund": "fund clearing, suspense clearing, jar clearing, fund bank, general suspense",
    "refund_failed": "clearing fund, clearing suspense, clearing jar, bank fund",
    "dispute_opened": "disputed clearing",
    "dispute_won": "clearing disputed",
    "dispute_lost": "fund disputed, suspense disputed, jar disputed, general suspense",
    "dispute_fee": "general clearing, clearing general, dispute_fees clearing, clearing dispute_fees",
    "shortfall_covered": "general fund, fund general",
    "settlement": "bank clearing, clearing bank, bank_charges clearing, clearing bank_charges",
    "settlement_failed": "bank clearing, clearing bank, bank_charges clearing, clearing bank_charges",
    "bank_charge": "bank_charges bank, bank bank_charges",
    "interest": "bank interest, interest bank",
    "match": "match fund",
    "disbursement_approved": "fund payable, general payable",
    "disbursement_paid": "payable bank",
    "disbursement_returned": "bank fund, payable fund, bank general, bank payable",
    "surplus_moved": "fund fund, fund general, general fund",
    "suspense_cleared": (
        "suspense fund, suspense general, general suspense, suspense processing_fees, processing_fees suspense"
    ),
    "provider_adjustment": (
        "clearing suspense, suspense clearing, processing_fees clearing, clearing processing_fees, fund clearing, clearing fund"
    ),
    "opening": "clearing opening, opening clearing, bank opening, opening bank, bank fee_cover, bank fund, bank general",
}
MOVES = {reason: frozenset(tuple(move.split()) for move in moves.split(", ")) for reason, moves in _MOVES.items()}

# What is given to a campaign or spent for it names it; any entry that names one moves no other campaign's fund.
OF_A_CAMPAIGN = frozenset(
    {"donation", "jar_directed", "disbursement_approved", "disbursement_paid", "disbursement_returned"}
)
BETWEEN_CAMPAIGNS = frozenset({"surplus_moved"})


def fault_of(reason: str, debit: str, credit: str, campaign: str | None) -> str | None:
    """Why money may not move so, None where it may."""
    move = (kind_of(debit), kind_of(credit))
    if move not in MOVES.get(reason, ()):
        return f"{reason} moves nothing from {debit} to {credit}"
    if campaign is None and reason in OF_A_CAMPAIGN:
        return f"{reason} names no campaign"
    if campaign is not None and reason not in BETWEEN_CAMPAIGNS:
        for code in (debit, credit):
            if code.startswith("fund:") and code != f"fund:{campaign}":
                return f"it is of {campaign} and moves {code}"
    return None


def kind_of(code: str) -> str:
    """The part of a code that says what it is: `fund` of `fund:yunxi`."""
    return code.partition(":")[0]


def taken_back(reason: str, *, is_back: bool) -> tuple[int, int]:
    """What an entry adds, per unit, to what was taken back from its debit and from its credit account.

    A fund may be below zero by so much: money that went back after it was spent, until the general fund covers it.
    """
    if is_back:
        return 1, 0
    return {"refund": (1, 0), "dispute_lost": (1, 0), "shortfall_covered": (1, -1), "refund_failed": (0, -1)}.get(
        reason, (0, 0)
    )
