"""Erasing a donor in two steps: at once what no law keeps, and each of the other rows on the day that is stored for it.

All of a step is one transaction of the eraser, so that a kill leaves nothing half done; one erasure at a time, so that two at
once do not count the same rows. The nightly job takes the second step, and erases what arrives later: the provider's messages
come for weeks, and hold again what the donor typed on its page.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from donate import clock
from donate.erasing.finding import Donor, Subjects, expand, find, subjects_of
from donate.erasing.laws import Rule, erase_on
from donate.erasing.models import Erasure, ErasureHold, ErasureStep, ErasureSubject, SubjectKind
from donate.erasing.open_cases import OpenCase, open_cases
from donate.erasing.place import Found, Place
from donate.erasing.places import PLACES
from donate.errors import N_, DonateError
from donate.files.store import Store
from donate.payments.retention import KEEP_BODIES

# Later messages lose their bodies as everybody's do, this long after they came.
LOOK_FOR = KEEP_BODIES


class CasesOpen(DonateError):
    """Something is under way that needs who the donor is; nothing was erased."""

    sentence = N_("Nothing was erased, since something is under way: %(cases)s.")
    status = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceReport:
    """What one place comes to: rows erased now (or about to be), rows kept by their day, rows that wait for what is under way."""

    place: Place
    now_count: int
    kept: tuple[tuple[date, int], ...]
    waiting_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was, or would be, erased. Places where nothing of the donor stands are left out."""

    subjects: Subjects
    places: tuple[PlaceReport, ...]
    cases: tuple[OpenCase, ...] = ()
    erasure_id: int | None = None

    @property
    def erased_count(self) -> int:
        return sum(one.now_count for one in self.places)


def look(session: Session, donor: Donor) -> Report:
    """What erasing this donor would come to; changes nothing. Raises what finding.find raises."""
    subjects = find(session, donor)
    reports = [_sorted_out(place, place.find(session, subjects), {}, clock_today()).report for place in PLACES]
    return Report(
        subjects=subjects,
        places=tuple(one for one in reports if one.now_count or one.kept or one.waiting_count),
        cases=tuple(open_cases(session, subjects)),
    )


def erase(session: Session, store: Store, donor: Donor, *, by: int) -> Report:
    """The first step; wants the eraser. Done again, it finds the same erasure and erases what came meanwhile.

    `by` is the id of the user who erases. Raises what finding.find raises, CasesOpen.
    """
    _one_at_a_time(session)
    subjects = find(session, donor)
    cases = open_cases(session, subjects)
    if cases:
        raise CasesOpen(cases="; ".join(case.sentence for case in cases))
    erasure = _erasure_of(session, subjects, by)
    return _step(session, store, erasure, subjects, PLACES, by=by)


def due(session: Session) -> list[int]:
    """Ids of erasures that the nightly job has to look at today."""
    return list(session.scalars(_DUE, {"today": clock_today(), "young": clock.now() - LOOK_FOR}))


def go_on(session: Session, store: Store, erasure_id: int) -> int:
    """The second step of one erasure, as far as its day has come; wants the eraser. How many rows were erased."""
    _one_at_a_time(session)
    erasure = session.get_one(Erasure, erasure_id)
    is_young = erasure.is_waiting or erasure.asked_at > clock.now() - LOOK_FOR
    known = subjects_of(
        (SubjectKind(kind), subject_id)
        for kind, subject_id in session.execute(
            select(ErasureSubject.kind, ErasureSubject.subject_id).where(ErasureSubject.erasure_id == erasure_id)
        )
    )
    subjects = expand(session, known) if is_young else known
    _remember(session, erasure_id, subjects)
    dues = set(session.scalars(_DUE_PLACES, {"id": erasure_id, "today": clock_today()}))
    places = [place for place in PLACES if is_young or place.name in dues]
    return _step(session, store, erasure, subjects, places, by=None).erased_count


def clock_today() -> date:
    """By UTC: a day that a law counts is over everywhere a few hours later, and the job runs every night."""
    return clock.now().date()


def _one_at_a_time(session: Session) -> None:
    session.execute(text("SELECT pg_advisory_xact_lock(hashtext('donate.erasing'))"))


def _erasure_of(session: Session, subjects: Subjects, by: int) -> Erasure:
    """The erasure of this donor, a new one where there is none."""
    rows = subjects.rows
    known = session.scalar(
        _KNOWN, {"kinds": [kind.value for kind, _ in rows], "ids": [subject_id for _, subject_id in rows]}
    )
    if known is None:
        erasure = Erasure(asked_by=by)
        session.add(erasure)
        session.flush()
    else:
        erasure = session.get_one(Erasure, known)
        erasure.closed_at = None
    _remember(session, erasure.id, subjects)
    return erasure


def _remember(session: Session, erasure_id: int, subjects: Subjects) -> None:
    rows = [{"id": erasure_id, "kind": kind.value, "subject_id": subject_id} for kind, subject_id in subjects.rows]
    if rows:
        session.execute(_REMEMBER, rows)


@dataclass(frozen=True, slots=True)
class _SortedOut:
    place: Place
    erase_now: tuple[int, ...]
    keep: tuple[tuple[int, Rule, date], ...]
    waiting: tuple[int, ...]

    @property
    def report(self) -> PlaceReport:
        days = Counter(day for _, _, day in self.keep)
        return PlaceReport(
            place=self.place,
            now_count=len(self.erase_now),
            kept=tuple(sorted(days.items())),
            waiting_count=len(self.waiting),
        )


def _sorted_out(place: Place, found: Sequence[Found], stored: dict[int, ErasureHold], today: date) -> _SortedOut:
    """Of the rows that a place holds: what goes today, what is kept until when, what waits. A stored day stands."""
    now, keep, waiting = [], [], []
    for row in found:
        hold = stored.get(row.id)
        if hold is not None and hold.erased_at is not None and place.name == "proof_file":
            continue  # its bytes are gone, which the database alone does not show
        if row.is_waiting:
            waiting.append(row.id)
        elif place.rule is None or row.since is None:
            now.append(row.id)
        else:
            day = hold.erase_on if hold is not None else erase_on(place.rule, row.since, row.currency)
            if day <= today:
                now.append(row.id)
            else:
                keep.append((row.id, place.rule, day))
    # A day that was stored comes also where the row is not found any more, such as a bank line whose match was taken back.
    known = {*now, *waiting}
    now += [
        row_id
        for row_id, hold in stored.items()
        if hold.erased_at is None and hold.erase_on <= today and row_id not in known
    ]
    return _SortedOut(place, tuple(now), tuple(keep), tuple(waiting))


def _step(
    session: Session, store: Store, erasure: Erasure, subjects: Subjects, places: Collection[Place], *, by: int | None
) -> Report:
    """Erase what goes today. All is found before anything is erased: an address leads to messages, a message to others."""
    stored: dict[str, dict[int, ErasureHold]] = {place.name: {} for place in PLACES}
    for hold in session.scalars(select(ErasureHold).where(ErasureHold.erasure_id == erasure.id)):
        stored[hold.place][hold.row_id] = hold
    today = clock_today()
    sorted_out = [_sorted_out(place, place.find(session, subjects), stored[place.name], today) for place in places]
    reports = [_carry_out(session, store, erasure.id, one, stored[one.place.name], by) for one in sorted_out]
    session.flush()
    erasure.is_waiting = any(one.waiting for one in sorted_out)
    is_young = erasure.asked_at > clock.now() - LOOK_FOR
    is_kept = session.scalar(_IS_KEPT, {"id": erasure.id})
    if not (erasure.is_waiting or is_young or is_kept):
        erasure.closed_at = clock.now()
    session.flush()
    shown = tuple(one for one in reports if one.now_count or one.kept or one.waiting_count)
    return Report(subjects=subjects, places=shown, erasure_id=erasure.id)


def _carry_out(
    session: Session, store: Store, erasure_id: int, one: _SortedOut, stored: dict[int, ErasureHold], by: int | None
) -> PlaceReport:
    name, now = one.place.name, clock.now()
    count = one.place.erase(session, store, one.erase_now) if one.erase_now else 0
    if count:
        session.add(ErasureStep(erasure_id=erasure_id, place=name, row_count=count, user_id=by))
    for row_id, rule, day in one.keep:
        if row_id not in stored:
            hold = ErasureHold(erasure_id=erasure_id, place=name, row_id=row_id, rule=rule.value, erase_on=day)
            session.add(hold)
    if name == "proof_file":
        _mark_bytes_gone(session, erasure_id, one, stored)
    for row_id in one.erase_now:
        if row_id in stored and stored[row_id].erased_at is None:
            stored[row_id].erased_at = now
    return replace(one.report, now_count=count)


def _mark_bytes_gone(session: Session, erasure_id: int, one: _SortedOut, stored: dict[int, ErasureHold]) -> None:
    for row_id in one.erase_now:
        if row_id not in stored:
            rule = Rule.VOUCHER.value
            hold = ErasureHold(
                erasure_id=erasure_id, place=one.place.name, row_id=row_id, rule=rule, erase_on=clock_today()
            )
            hold.erased_at = clock.now()
            session.add(hold)


_KNOWN = text(
    """
    SELECT min(subject.erasure_id)
    FROM unnest(CAST(:kinds AS text[]), CAST(:ids AS bigint[])) AS given (kind, id)
    JOIN erasure_subject subject ON subject.kind = given.kind AND subject.subject_id = given.id
    """
)

_REMEMBER = text(
    """
    INSERT INTO erasure_subject (kind, subject_id, erasure_id) VALUES (:kind, :subject_id, :id)
    ON CONFLICT (kind, subject_id) DO NOTHING
    """
)

_DUE = text(
    """
    SELECT erasure.id FROM erasure
    WHERE closed_at IS NULL
      AND (is_waiting OR asked_at > :young
           OR EXISTS (SELECT FROM erasure_hold hold
                      WHERE hold.erasure_id = erasure.id AND hold.erased_at IS NULL AND hold.erase_on <= :today)
           OR NOT EXISTS (SELECT FROM erasure_hold hold
                          WHERE hold.erasure_id = erasure.id AND hold.erased_at IS NULL))
    ORDER BY id
    """
)

_DUE_PLACES = text(
    "SELECT DISTINCT place FROM erasure_hold WHERE erasure_id = :id AND erased_at IS NULL AND erase_on <= :today"
)

_IS_KEPT = text("SELECT EXISTS (SELECT FROM erasure_hold WHERE erasure_id = :id AND erased_at IS NULL)")
