"""The deadlines that the law sets, as data and plain date arithmetic."""

from datetime import date, timedelta

COMPLAINT_WORKING_DAYS = 5
# Art. 79: while raising or carrying out lasts longer than six months, at least every three months.
PROGRESS_EVERY_DAYS = 90


def working_days_after(day: date, count: int) -> date:
    """The day that is `count` working days after `day`, Monday to Friday.

    Public holidays are not taken out: the State Council sets them anew each year, and without them our deadline is
    never later than the law's, but for a weekend worked in exchange.
    """
    while count > 0:
        day += timedelta(days=1)
        if day.weekday() < 5:
            count -= 1
    return day


def progress_due_on(last_report_on: date) -> date:
    """When the next update is due after the last one (or after raising opened)."""
    return last_report_on + timedelta(days=PROGRESS_EVERY_DAYS)
