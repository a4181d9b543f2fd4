from datetime import date

import pytest
from sqlalchemy import select

from donate.db import Database
from donate.organisations.models import Licence
from donate.organisations.queries import has_agreement, has_valid_licence, hosts_of, licence_on, organisation_page
from donate.organisations.service import (
    AgreementPartiesWrong,
    CreditCodeWrong,
    LicenceSpanWrong,
    OnlyHostsHoldLicences,
    ReferenceNotUsable,
    ReferenceTaken,
    credit_code_checks,
    register_organisation,
    renew_licence,
    revoke_licence,
    sign_agreement,
)
from tests.organisations import factories


@pytest.mark.parametrize("ref", ["", "Upper", "a b", "-a", "a--b", "中文", "a" * 41, "a/b", "a\n"])
def test_a_reference_that_cannot_stand_in_an_address_is_refused(database: Database, ref: str) -> None:
    with database.transaction() as session, pytest.raises(ReferenceNotUsable):
        register_organisation(session, ref=ref, kind="host", name_zh="甲", name_en="A")


def test_a_reference_is_taken_once(database: Database) -> None:
    with database.transaction() as session:
        factories.host(session, ref="rice")
        with pytest.raises(ReferenceTaken):
            factories.partner(session, ref="rice")


def test_a_name_loses_hidden_marks_and_keeps_rare_letters(database: Database) -> None:
    with database.transaction() as session:
        named = register_organisation(
            session, ref="a", kind="host", name_zh="\u202e𠮷祥\x00基金会🍚", name_en=" A  Foundation "
        )
        assert (named.name_zh, named.name_en) == ("𠮷祥基金会🍚", "A Foundation")


def test_a_credit_code_is_checked() -> None:
    assert credit_code_checks("91110108600001508Q") is False
    assert credit_code_checks("53100000500000009L") is False
    body = "5343000000000000X"
    right = [letter for letter in "0123456789ABCDEFGHJKLMNPQRTUWXY" if credit_code_checks(body + letter)]
    assert len(right) == 1


def test_a_wrong_credit_code_is_refused(database: Database) -> None:
    with database.transaction() as session, pytest.raises(CreditCodeWrong):
        register_organisation(session, ref="a", kind="host", name_zh="甲", name_en="A", credit_code="12345")


def test_a_licence_counts_from_its_first_to_its_last_day(database: Database) -> None:
    with database.transaction() as session:
        host = factories.host(session, licensed=False)
        noise = factories.host(session)
        factories.licence(session, host, from_on=date(2026, 3, 1), to_on=date(2026, 3, 31))
        counted = [has_valid_licence(session, host.id, date(2026, *day)) for day in ((2, 28), (3, 1), (3, 31), (4, 1))]
        assert counted == [False, True, True, False]
        assert has_valid_licence(session, noise.id, date(2026, 4, 1))


def test_a_renewed_licence_counts_and_the_old_one_stays(database: Database) -> None:
    with database.transaction() as session:
        host = factories.host(session, licensed=False)
        factories.licence(session, host, number="OLD1", to_on=date(2026, 3, 31))
        factories.licence(session, host, number="NEW1", from_on=date(2026, 4, 1))
        found = licence_on(session, host.id, date(2026, 4, 1))
        page = organisation_page(session, host.ref, date(2026, 4, 1))
        assert found is not None
        assert (found.number, [licence.number for licence in page.licences]) == ("NEW1", ["NEW1", "OLD1"])


def test_a_revoked_licence_counts_no_longer_from_that_day(database: Database) -> None:
    with database.transaction() as session:
        host = factories.host(session)
        licence = session.scalars(select(Licence).filter_by(organisation_id=host.id)).one()
        revoke_licence(session, licence=licence, on=date(2026, 5, 1))
        assert has_valid_licence(session, host.id, date(2026, 4, 30))
        assert not has_valid_licence(session, host.id, date(2026, 5, 1))


def test_only_a_host_holds_a_licence(database: Database) -> None:
    with database.transaction() as session, pytest.raises(OnlyHostsHoldLicences):
        factories.licence(session, factories.partner(session))


def test_a_licence_cannot_end_before_it_begins(database: Database) -> None:
    with database.transaction() as session, pytest.raises(LicenceSpanWrong):
        renew_licence(
            session,
            organisation=factories.host(session),
            number="A",
            valid_from_on=date(2026, 2, 1),
            valid_to_on=date(2026, 1, 1),
        )


def test_an_agreement_counts_between_its_own_two_parties_until_it_ends(database: Database) -> None:
    with database.transaction() as session:
        host, other = factories.host(session), factories.host(session)
        partner = factories.partner(session)
        sign_agreement(session, host=host, partner=partner, signed_on=date(2026, 2, 1), ends_on=date(2026, 6, 30))

        def counts(host_id: int, on: date) -> bool:
            return has_agreement(session, host_id=host_id, partner_id=partner.id, on=on)

        assert counts(host.id, date(2026, 6, 30))
        assert not counts(host.id, date(2026, 7, 1))
        assert not counts(host.id, date(2026, 1, 31))
        assert not counts(other.id, date(2026, 6, 30))
        assert [found.ref for found in hosts_of(session, partner.id, date(2026, 6, 30))] == [host.ref]


def test_an_agreement_is_signed_by_a_host_and_somebody_else(database: Database) -> None:
    with database.transaction() as session:
        host, partner = factories.host(session), factories.partner(session)
        with pytest.raises(AgreementPartiesWrong):
            sign_agreement(session, host=host, partner=host, signed_on=date(2026, 2, 1))
        with pytest.raises(AgreementPartiesWrong):
            sign_agreement(session, host=partner, partner=host, signed_on=date(2026, 2, 1))
