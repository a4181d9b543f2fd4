"""What other rooms and pages read of organisations."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from donate.errors import NotFound
from donate.organisations.models import Agreement, Licence, Organisation


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationFacts:
    """An organisation as pages name it."""

    id: int
    ref: str
    kind: str
    name_zh: str
    name_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenceFacts:
    """One licence and the span of days in which it counts."""

    number: str
    issued_by_zh: str
    issued_by_en: str
    valid_from_on: date
    valid_to_on: date
    revoked_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationPage:
    """Everything that the public page of an organisation says of it."""

    id: int
    ref: str
    kind: str
    name_zh: str
    name_en: str
    about_zh: str
    about_en: str
    credit_code: str | None
    address_zh: str
    address_en: str
    phone: str
    email: str
    licence: LicenceFacts | None  # the one that counts on the day asked for
    licences: tuple[LicenceFacts, ...]  # all, newest first
    counterparts: tuple[OrganisationFacts, ...]  # a host's partners under agreement, a partner's hosts


def licence_counts(on: date) -> ColumnElement[bool]:
    """The condition under which a licence row counts on a day."""
    return and_(
        Licence.valid_from_on <= on,
        Licence.valid_to_on >= on,
        or_(Licence.revoked_on.is_(None), Licence.revoked_on > on),
    )


def agreement_counts(on: date) -> ColumnElement[bool]:
    """The condition under which an agreement row counts on a day."""
    return and_(Agreement.signed_on <= on, or_(Agreement.ends_on.is_(None), Agreement.ends_on >= on))


def has_valid_licence(session: Session, organisation_id: int, on: date) -> bool:
    """Whether the organisation may raise money in public on this day."""
    return licence_on(session, organisation_id, on) is not None


def licence_on(session: Session, organisation_id: int, on: date) -> LicenceFacts | None:
    """The licence that counts on this day; of several the one that lasts longest."""
    row = session.scalar(
        select(Licence)
        .where(Licence.organisation_id == organisation_id, licence_counts(on))
        .order_by(Licence.valid_to_on.desc(), Licence.id.desc())
        .limit(1)
    )
    return _licence(row) if row else None


def has_agreement(session: Session, *, host_id: int, partner_id: int, on: date) -> bool:
    """Whether a written agreement between the two is in force on this day."""
    found = session.scalar(
        select(Agreement.id)
        .where(Agreement.host_id == host_id, Agreement.partner_id == partner_id, agreement_counts(on))
        .limit(1)
    )
    return found is not None


def organisation_facts_by_id(session: Session, organisation_id: int) -> OrganisationFacts:
    """The organisation of an id that another row holds."""
    return _facts(session.get_one(Organisation, organisation_id))


def organisations_named(session: Session, refs: Collection[str]) -> list[OrganisationFacts]:
    """The organisations of these references that exist, by reference."""
    rows = session.scalars(select(Organisation).where(Organisation.ref.in_(refs)).order_by(Organisation.ref))
    return [_facts(row) for row in rows]


def hosts_of(session: Session, organisation_id: int, on: date) -> list[OrganisationFacts]:
    """Under which hosts an organisation may ask for a campaign: those it has an agreement with, a host under itself."""
    agreed = select(Agreement.host_id).where(Agreement.partner_id == organisation_id, agreement_counts(on))
    rows = session.scalars(
        select(Organisation)
        .where(
            Organisation.kind == "host",
            or_(Organisation.id == organisation_id, Organisation.id.in_(agreed)),
        )
        .order_by(Organisation.id)
    )
    return [_facts(row) for row in rows]


def organisation_page(session: Session, ref: str, on: date) -> OrganisationPage:
    """The public page of an organisation on a day. Raises NotFound."""
    row = session.scalar(select(Organisation).filter_by(ref=ref))
    if row is None:
        raise NotFound
    licences = session.scalars(
        select(Licence).filter_by(organisation_id=row.id).order_by(Licence.valid_to_on.desc(), Licence.id.desc())
    )
    return OrganisationPage(
        id=row.id,
        ref=row.ref,
        kind=row.kind,
        name_zh=row.name_zh,
        name_en=row.name_en,
        about_zh=row.about_zh,
        about_en=row.about_en,
        credit_code=row.credit_code,
        address_zh=row.address_zh,
        address_en=row.address_en,
        phone=row.phone,
        email=row.email,
        licence=licence_on(session, row.id, on),
        licences=tuple(_licence(licence) for licence in licences),
        counterparts=_counterparts(session, row, on),
    )


def _counterparts(session: Session, row: Organisation, on: date) -> tuple[OrganisationFacts, ...]:
    other, own = (
        (Agreement.partner_id, Agreement.host_id) if row.kind == "host" else (Agreement.host_id, Agreement.partner_id)
    )
    others = select(other).where(own == row.id, agreement_counts(on))
    rows = session.scalars(select(Organisation).where(Organisation.id.in_(others)).order_by(Organisation.ref))
    return tuple(_facts(found) for found in rows)


def _facts(row: Organisation) -> OrganisationFacts:
    return OrganisationFacts(id=row.id, ref=row.ref, kind=row.kind, name_zh=row.name_zh, name_en=row.name_en)


def _licence(row: Licence) -> LicenceFacts:
    return LicenceFacts(
        number=row.number,
        issued_by_zh=row.issued_by_zh,
        issued_by_en=row.issued_by_en,
        valid_from_on=row.valid_from_on,
        valid_to_on=row.valid_to_on,
        revoked_on=row.revoked_on,
    )
