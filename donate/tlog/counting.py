"""What counts as received, sent back, paid in fees and paid out for a campaign; and `totals.csv`, which says it.

The totals that pages show are added up by the sequencer. Here they are made anew from the lines of the log, by the same
words and by other code: what a stranger compares them with. FUND_COLUMNS, DONATIONS and PAID are the one definition.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from donate.errors import N_, DonateError

# What a reason does to a campaign's columns when it moves its fund: (column, sign of money coming into the fund).
FUND_COLUMNS = {
    "donation": ("received_minor", 1),
    "recorded_donation": ("received_minor", 1),
    "jar_directed": ("received_minor", 1),
    "match": ("received_minor", 1),
    "suspense_cleared": ("received_minor", 1),
    "refund": ("refunded_minor", -1),
    "refund_failed": ("refunded_minor", -1),
    "dispute_lost": ("refunded_minor", -1),
    # Net of what the fee-cover fund gave back; what the general fund bore never touched this fund.
    "processing_fee": ("fees_minor", -1),
    "fee_covered": ("fees_minor", -1),
    "provider_adjustment": ("fees_minor", -1),
}
DONATIONS = frozenset({"donation", "recorded_donation", "jar_directed", "suspense_cleared"})
# Disbursed means that it left the bank, not that it was approved; what a school sent back counts no more.
PAID = {"disbursement_paid": 1, "disbursement_returned": -1}

COLUMNS = ("received_minor", "refunded_minor", "fees_minor", "disbursed_minor", "donation_count")
TOTALS_HEAD = ("log_size", "book", "campaign", "currency", *COLUMNS)
FUND = b"fund:"

# debit and credit (empty where legs were netted), what it counts as, whether turned round, campaign
Key = tuple[bytes, bytes, bytes, bool, bytes | None]
Counted = dict[Key, list[int]]


class TotalsWrong(DonateError):
    """The published totals are no totals file."""

    sentence = N_("The published totals cannot be read: %(problem)s")


@dataclass(frozen=True, slots=True)
class Published:
    """A totals file: what it says of the first `size` lines, a row each campaign that money moved for."""

    size: int
    rows: tuple[str, ...]


def count_leg(counted: Counted, key: Key, amount: int) -> None:
    """An entry of one leg."""
    sums = counted.get(key)
    if sums is None:
        counted[key] = [amount, 1]
    else:
        sums[0] += amount
        sums[1] += 1


def count_legs(
    counted: Counted, legs: Iterable[tuple[bytes, bytes, int]], counted_as: bytes, is_back: bool, campaign: bytes | None
) -> None:
    """An entry of several legs: each fund's net amount counts once, and all legs together as paid."""
    nets: dict[bytes, int] = {}
    total = 0
    for debit, credit, amount in legs:
        nets[credit] = nets.get(credit, 0) + amount
        nets[debit] = nets.get(debit, 0) - amount
        total += amount
    for code, net in nets.items():
        if code.startswith(FUND) and net:
            side = (b"", code) if net > 0 else (code, b"")
            count_leg(counted, (*side, counted_as, is_back, campaign), abs(net))
    if counted_as.decode() in PAID:
        count_leg(counted, (b"", b"", counted_as, is_back, campaign), total)


def rows_of(size: int, book: bytes, currency: bytes, counted: Counted) -> Iterator[str]:
    """The book's rows of the totals file, by campaign; a campaign that nothing moved for has none."""
    sums: dict[str, dict[str, int]] = {}
    for (debit, credit, counted_as, is_back, campaign), (amount, entries) in counted.items():
        reason = counted_as.decode()
        for code, sign in ((credit, 1), (debit, -1)):
            if code.startswith(FUND):
                own = sums.setdefault(code[len(FUND) :].decode(), dict.fromkeys(COLUMNS, 0))
                if reason in FUND_COLUMNS:
                    column, direction = FUND_COLUMNS[reason]
                    own[column] += sign * direction * amount
                if reason in DONATIONS:
                    own["donation_count"] += sign * entries
        is_whole = bool(debit) == bool(credit)  # not one fund's net of several legs
        if reason in PAID and campaign is not None and is_whole:
            own = sums.setdefault(campaign.decode(), dict.fromkeys(COLUMNS, 0))
            own["disbursed_minor"] += PAID[reason] * (-1 if is_back else 1) * amount
    for campaign_ref, own in sorted(sums.items()):
        if any(own.values()):
            yield totals_row(size, book.decode(), campaign_ref, currency.decode(), own.values())


def totals_row(size: int, book: str, campaign: str, currency: str, figures: Iterable[int]) -> str:
    """A line of the file; `figures` in the order of COLUMNS, amounts in minor units."""
    return ",".join([str(size), book, campaign, currency, *map(str, figures)])


def totals_file(rows: Iterable[str]) -> bytes:
    """`totals.csv`: rows by book and campaign, below a head."""
    return "".join(f"{line}\n" for line in (",".join(TOTALS_HEAD), *rows)).encode()


def read_totals(data: bytes) -> Published | None:
    """What such a file says, None where it has no row. Raises TotalsWrong."""
    try:
        head, *rows = data.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise TotalsWrong(problem="it is no text") from None
    if head != ",".join(TOTALS_HEAD) or rows[-1:] != [""]:
        raise TotalsWrong(problem="its head or its end is not as it has to be")
    sizes = {row.partition(",")[0] for row in rows[:-1]}
    if not sizes:
        return None
    size = sizes.pop()
    if sizes or not size.isdigit() or len(size) > 18:
        raise TotalsWrong(problem="its rows are not of one size of the log")
    return Published(int(size), tuple(rows[:-1]))
