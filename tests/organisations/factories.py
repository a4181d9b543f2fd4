"""Hosts and partners for tests, under licence and agreement unless a test says otherwise."""

from datetime import date
from itertools import count

from sqlalchemy.orm import Session

from donate.organisations.models import Organisation
from donate.organisations.service import register_organisation, renew_licence, sign_agreement

_numbers = count(1)


def host(session: Session, *, ref: str | None = None, licensed: bool = True, **overrides: str) -> Organisation:
    ref = ref or f"host-{next(_numbers)}"
    organisation = register_organisation(
        session, ref=ref, kind="host", **({"name_zh": f"{ref}基金会", "name_en": f"Foundation {ref}"} | overrides)
    )
    if licensed:
        licence(session, organisation)
    return organisation


def partner(session: Session, *, of: Organisation | None = None, ref: str | None = None) -> Organisation:
    ref = ref or f"partner-{next(_numbers)}"
    organisation = register_organisation(
        session, ref=ref, kind="partner", name_zh=f"{ref}服务队", name_en=f"Group {ref}"
    )
    if of is not None:
        sign_agreement(session, host=of, partner=organisation, signed_on=date(2026, 1, 5))
    return organisation


def licence(
    session: Session,
    organisation: Organisation,
    *,
    number: str = "53430000MJ0000000X",
    from_on: date = date(2026, 1, 1),
    to_on: date = date(2027, 12, 31),
) -> None:
    renew_licence(session, organisation=organisation, number=number, valid_from_on=from_on, valid_to_on=to_on)
