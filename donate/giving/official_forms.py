"""Whom an official receipt is made out to, as its donor typed it."""

import re
from collections.abc import Mapping

from donate.errors import N_, DonateError
from donate.giving.forms import EMAIL_LENGTH, EmailNotAnAddress, is_email
from donate.giving.official import MadeOutTo
from donate.text import TextTooLong, clean_line

TITLE_LENGTH = 100
_TAX_ID = re.compile(r"[0-9A-Za-z-]{6,30}", re.ASCII)


class TitleMissing(DonateError):
    sentence = N_("Write the name that stands on the official receipt.")
    field = "title"


class TitleTooLong(TextTooLong):
    field = "title"


class TaxIdWrong(DonateError):
    sentence = N_("A tax number has 6 to 30 letters and figures.")
    field = "tax_id"


def read_made_out_to(form: Mapping[str, str]) -> tuple[MadeOutTo | None, dict[str, DonateError]]:
    """Whom it names, or every error by its field."""
    errors: dict[str, DonateError] = {}
    title = ""
    try:
        title = clean_line(form.get("title", ""), TITLE_LENGTH, TitleTooLong)
        if not title:
            raise TitleMissing
    except DonateError as error:
        errors["title"] = error
    tax_id = "".join(form.get("tax_id", "").split())
    if tax_id and not _TAX_ID.fullmatch(tax_id):
        errors["tax_id"] = TaxIdWrong()
    email = form.get("email", "").strip()
    if email and (len(email) > EMAIL_LENGTH or not is_email(email)):
        errors["email"] = EmailNotAnAddress()
    if errors:
        return None, errors
    return MadeOutTo(title, tax_id or None, email or None), errors
