"""Register organisations, renew and revoke licences, keep agreements on file."""

import re
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from donate import clock
from donate.errors import N_, DonateError
from donate.organisations.models import Agreement, Licence, Organisation
from donate.text import clean_line, clean_text

_REF = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*", re.ASCII)
REF_LENGTH = 40
# GB 32100: 17 letters and figures without I, O, S, V, Z, and a check character over weights that are powers of 3.
_CREDIT_LETTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"


class ReferenceNotUsable(DonateError):
    sentence = N_("“%(ref)s” cannot be a reference: use small letters, figures and single hyphens, at most 40.")
    field = "ref"


class ReferenceTaken(DonateError):
    sentence = N_("The reference “%(ref)s” is in use already.")
    field = "ref"


class CreditCodeWrong(DonateError):
    sentence = N_("“%(code)s” is not a unified social credit code: its 18 characters do not check.")
    field = "credit_code"


class LicenceSpanWrong(DonateError):
    sentence = N_("A licence cannot end before it begins.")
    field = "valid_to_on"


class LicenceOnFile(DonateError):
    sentence = N_("The licence %(number)s is on file for these days already.")
    status = 409


class NoSuchLicence(DonateError):
    sentence = N_("%(ref)s has no licence %(number)s that could be revoked.")
    status = 404


class RevokedOutsideItsDays(DonateError):
    sentence = N_("The licence counts from %(first)s to %(last)s; it cannot be revoked from %(on)s on.")


class AgreementSpanWrong(DonateError):
    sentence = N_("An agreement cannot end before it is signed.")


class AgreementOnFile(DonateError):
    sentence = N_("An agreement of these days between %(host)s and %(partner)s is on file already.")
    status = 409


class OnlyHostsHoldLicences(DonateError):
    sentence = N_("Only a host holds a licence; %(ref)s is a partner.")


class AgreementPartiesWrong(DonateError):
    sentence = N_("An agreement is signed between a host and another organisation.")


# What its page says of an organisation and may change, with the longest that it may be.
EDITABLE = {
    "name_zh": (clean_line, 80),
    "name_en": (clean_line, 120),
    "about_zh": (clean_text, 4000),
    "about_en": (clean_text, 8000),
    "address_zh": (clean_line, 200),
    "address_en": (clean_line, 300),
    "phone": (clean_line, 40),
    "email": (clean_line, 200),
}


def register_organisation(
    session: Session,
    *,
    ref: str,
    kind: str,
    name_zh: str,
    name_en: str,
    about_zh: str = "",
    about_en: str = "",
    credit_code: str | None = None,
    address_zh: str = "",
    address_en: str = "",
    phone: str = "",
    email: str = "",
) -> Organisation:
    """A new host or partner. Raises ReferenceNotUsable, ReferenceTaken, CreditCodeWrong."""
    check_ref(ref)
    if session.scalar(select(Organisation.id).filter_by(ref=ref)) is not None:
        raise ReferenceTaken(ref=ref)
    if credit_code is not None and not credit_code_checks(credit_code):
        raise CreditCodeWrong(code=credit_code[:20])
    organisation = Organisation(
        ref=ref,
        kind=kind,
        name_zh=clean_line(name_zh, 80),
        name_en=clean_line(name_en, 120),
        about_zh=clean_text(about_zh, 4000),
        about_en=clean_text(about_en, 8000),
        credit_code=credit_code,
        address_zh=clean_line(address_zh, 200),
        address_en=clean_line(address_en, 300),
        phone=clean_line(phone, 40),
        email=clean_line(email, 200),
        registered_at=clock.now(),
    )
    session.add(organisation)
    session.flush()
    return organisation


def renew_licence(
    session: Session,
    *,
    organisation: Organisation,
    number: str,
    valid_from_on: date,
    valid_to_on: date,
    issued_by_zh: str = "",
    issued_by_en: str = "",
) -> Licence:
    """A host's first or next licence; earlier ones stay. Raises OnlyHostsHoldLicences, LicenceSpanWrong, LicenceOnFile."""
    if organisation.kind != "host":
        raise OnlyHostsHoldLicences(ref=organisation.ref)
    if valid_to_on < valid_from_on:
        raise LicenceSpanWrong
    number = clean_line(number, 60)
    same = select(Licence.id).filter_by(organisation_id=organisation.id, number=number)
    if (
        session.scalar(same.filter_by(valid_from_on=valid_from_on, valid_to_on=valid_to_on, revoked_on=None))
        is not None
    ):
        raise LicenceOnFile(number=number)
    licence = Licence(
        organisation_id=organisation.id,
        number=number,
        issued_by_zh=clean_line(issued_by_zh, 120),
        issued_by_en=clean_line(issued_by_en, 160),
        valid_from_on=valid_from_on,
        valid_to_on=valid_to_on,
        recorded_at=clock.now(),
    )
    session.add(licence)
    session.flush()
    return licence


def edit_organisation(session: Session, organisation: Organisation, **facts: str) -> None:
    """Change what its page says of it; reference, kind and credit code stay."""
    for name, text in facts.items():
        clean, most = EDITABLE[name]
        setattr(organisation, name, clean(text, most))
    session.flush()


def licence_to_revoke(session: Session, organisation: Organisation, number: str, on: date) -> Licence:
    """The newest licence of this number that stands. Raises NoSuchLicence, RevokedOutsideItsDays."""
    number = clean_line(number, 60)
    licence = session.scalar(
        select(Licence)
        .filter_by(organisation_id=organisation.id, number=number, revoked_on=None)
        .order_by(Licence.valid_to_on.desc(), Licence.id.desc())
        .limit(1)
    )
    if licence is None:
        raise NoSuchLicence(ref=organisation.ref, number=number)
    if not licence.valid_from_on <= on <= licence.valid_to_on:
        raise RevokedOutsideItsDays(first=licence.valid_from_on, last=licence.valid_to_on, on=on)
    return licence


def revoke_licence(session: Session, *, licence: Licence, on: date) -> None:
    """From `on` the licence counts no longer; donations to the host's campaigns stop that day."""
    licence.revoked_on = on
    session.flush()


def sign_agreement(
    session: Session,
    *,
    host: Organisation,
    partner: Organisation,
    signed_on: date,
    ends_on: date | None = None,
    document_sha256: bytes | None = None,
) -> Agreement:
    """Put the written agreement of a host with a partner on file; earlier ones stay.

    Raises AgreementPartiesWrong, AgreementSpanWrong, AgreementOnFile.
    """
    if host.kind != "host" or host.id == partner.id:
        raise AgreementPartiesWrong
    if ends_on is not None and ends_on < signed_on:
        raise AgreementSpanWrong
    same = select(Agreement.id).filter_by(host_id=host.id, partner_id=partner.id, signed_on=signed_on, ends_on=ends_on)
    if session.scalar(same.limit(1)) is not None:
        raise AgreementOnFile(host=host.ref, partner=partner.ref)
    agreement = Agreement(
        host_id=host.id,
        partner_id=partner.id,
        signed_on=signed_on,
        ends_on=ends_on,
        document_sha256=document_sha256,
        recorded_at=clock.now(),
    )
    session.add(agreement)
    session.flush()
    return agreement


def check_ref(ref: str) -> None:
    """Raises ReferenceNotUsable: a reference stands in addresses and in ledger account codes."""
    if not is_ref(ref):
        raise ReferenceNotUsable(ref=ref[:60])


def is_ref(text: str) -> bool:
    """Whether `text` could be a reference; what could not (it may hold a NUL) is never asked of the database."""
    return len(text) <= REF_LENGTH and _REF.fullmatch(text) is not None


def credit_code_checks(code: str) -> bool:
    """Whether 18 characters are a unified social credit code with the right check character."""
    if len(code) != 18 or any(letter not in _CREDIT_LETTERS for letter in code):
        return False
    total = sum(_CREDIT_LETTERS.index(letter) * pow(3, place, 31) for place, letter in enumerate(code[:17]))
    return _CREDIT_LETTERS[-total % 31] == code[17]
