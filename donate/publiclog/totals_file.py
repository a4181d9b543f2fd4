"""`totals.csv`: what pages show of each campaign, as of a size of the log, for strangers to compare with the lines."""

from sqlalchemy import text
from sqlalchemy.orm import Session

from donate.errors import N_, DonateError
from donate.publiclog import tree
from donate.tlog.counting import COLUMNS, totals_file, totals_row


class TotalsAhead(DonateError):
    sentence = N_("The newest lines are about to be published. Ask again in a second.")
    status = 503


def totals(session: Session) -> bytes:
    """The file, its rows by book and campaign. Raises TotalsAhead while lines that are added up are not published."""
    rows = session.execute(_TOTALS).all()
    if rows and rows[0].size != tree.published_size(session):
        raise TotalsAhead
    return totals_file(totals_row(row.size, row.book, row.campaign, row.currency, row[4:]) for row in rows)


_TOTALS = text(
    f"""
    SELECT sequencer.next_index AS size, book.ref AS book, campaign, book.currency, {", ".join(COLUMNS)}
    FROM sequencer CROSS JOIN campaign_total JOIN book ON book.id = book_id
    WHERE sequencer.id = 1 AND ({" OR ".join(f"{column} <> 0" for column in COLUMNS)})
    ORDER BY book.ref COLLATE "C", campaign COLLATE "C"
    """  # noqa: S608 - the names of our own columns
)
