"""What the donor of a large amount typed beside the give form: who they are and that they agree."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from donate.errors import N_, DonateError
from donate.giving import forms, rules
from donate.giving.forms import BadForm, GiveForm, Terms
from donate.giving.large import NotLarge
from donate.text import TextTooLong, clean_line, clean_text

if TYPE_CHECKING:
    from werkzeug.datastructures import MultiDict

CONTACT_LENGTH = 200
IDENTITY_LENGTH = 500


class DonorNameMissing(DonateError):
    sentence = N_("Write your name, or your organisation’s full name.")
    field = "name"


class ContactMissing(DonateError):
    sentence = N_("Write how the charity can reach you.")
    field = "contact"


class ContactTooLong(TextTooLong):
    field = "contact"


class IdentityMissing(DonateError):
    sentence = N_("Write by what the charity may know that it is you.")
    field = "identity"


class IdentityTooLong(TextTooLong):
    field = "identity"


class AgreementNeeded(DonateError):
    sentence = N_(
        "The charity accepts a donation of this size only under the agreement. Read it and tick that you agree."
    )
    field = "agree"


class AgreementChanged(DonateError):
    """What was ticked is not what stands there now: the amount or the campaign's words changed meanwhile."""

    sentence = N_("The agreement names another amount or campaign than before. Read it again and tick that you agree.")
    field = "agree"


@dataclass(frozen=True, slots=True)
class LargeForm:
    """A request as typed, without errors."""

    give: GiveForm
    name: str
    contact: str
    identity: str
    agreed_to: str  # the agreement's SHA-256 as the page carried it, in hex

    @property
    def content(self) -> list[object]:
        """Everything typed, for the hash that tells the same form from a changed one."""
        return [*self.give.content, self.contact, self.identity, self.agreed_to]


def read_large(form: "MultiDict[str, str]", campaigns: tuple[str, ...], terms: Terms) -> LargeForm:
    """Raises BadForm with every error by its field."""
    bad = BadForm()
    give = None
    try:
        give = forms.read_give_form(form, campaigns, terms)
    except BadForm as found:
        bad.errors |= found.errors
    if give is not None and not rules.is_large(give.amount_minor, terms.currency):
        bad.errors["own"] = NotLarge(threshold=terms.large_from)
    if give is not None and give.name is None:
        bad.errors["name"] = DonorNameMissing()
    contact = _kept(bad, "contact", lambda: _contact(form.get("contact", "")))
    identity = _kept(bad, "identity", lambda: _identity(form.get("identity", "")))
    if form.get("agree") is None:
        bad.errors["agree"] = AgreementNeeded()
    if bad.errors or give is None or give.name is None:
        raise bad
    return LargeForm(give, give.name, contact, identity, form.get("agreement", ""))


def _contact(typed: str) -> str:
    contact = clean_line(typed, CONTACT_LENGTH, ContactTooLong)
    if not contact:
        raise ContactMissing
    return contact


def _identity(typed: str) -> str:
    identity = clean_text(typed, IDENTITY_LENGTH, IdentityTooLong)
    if not identity:
        raise IdentityMissing
    return identity


def _kept(bad: BadForm, name: str, read: Callable[[], str]) -> str:
    try:
        return read()
    except DonateError as error:
        bad.errors[name] = error
        return ""
