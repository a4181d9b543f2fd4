"""What a verifier finds in a log that is as it should be, and in each kind of one that is not."""

from pathlib import Path

import pytest

from donate.tlog import leaf as leaves
from donate.tlog.books import Books, BooksWrong
from donate.tlog.canonical import NotCanonical
from donate.tlog.leaf import OpenAccount, leaf_hash
from donate.tlog.note import COSIGNATURE, cosign, new_key, read_note
from donate.tlog.policy import read_policy
from donate.tlog.source import Kept
from donate.tlog.tiles import Tile
from donate.tlog.verify import Code, Refused
from tests.tlog.logs import KEY, ORIGIN, InMemory, Writer, a_log, checkpoint_of, publish, verifier

DATA = a_log()
LOG = publish(DATA)


def refused(log: InMemory, **facts: object) -> Code:
    with pytest.raises(Refused) as told:
        verifier(log, **facts).run()
    return told.value.code


def test_a_whole_log_holds_and_its_figures_are_told() -> None:
    findings = verifier(LOG).run()
    assert (findings.origin, findings.size, findings.csv_rows_checked) == (ORIGIN, len(DATA), True)
    assert findings.entry_count == sum(b'"kind":"entry"' in leaf for leaf in DATA)
    assert findings.notes == []


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 511, 512, 513])
def test_logs_of_edge_sizes_hold(size: int) -> None:
    assert verifier(publish(DATA[:size])).run().size == size


def test_full_upper_tiles_are_compared() -> None:
    writer = Writer()
    writer.open()
    while len(writer.data) < 256 * 256 + 300:
        writer.entry("donation", ("clearing", "fund:rice", 1500), campaign="rice")
    log = publish(writer.data)
    assert verifier(log, with_csv=False).run().size == len(writer.data)
    for path in ("tile/1/000", "tile/1/001.p/1", "tile/2/000.p/1"):
        bad = log.copy()
        bad.files[path] = bytes(32) + bad.files[path][32:]
        assert refused(bad, with_csv=False) is Code.TREE, path


def test_a_log_that_grew_goes_on_from_every_checkpoint_that_was_saved() -> None:
    saved = [checkpoint_of(DATA[:size]) for size in (0, 1, 100, 255, 256, 257, 599, len(DATA))]
    assert verifier(LOG, saved=saved).run().compared_checkpoints == len(saved)


def test_a_regrown_history_under_our_own_key_is_found_by_who_saved_a_checkpoint() -> None:
    changed = [*DATA]
    place = next(at for at in range(300, 600) if b'"reason":"donation"' in DATA[at])
    changed[place] = (
        changed[place].replace(b'"campaign":"rice"', b'"campaign":"soup"').replace(b"fund:rice", b"fund:soup")
    )
    if changed == DATA:
        changed[place] = changed[place].replace(b"soup", b"rice")
    assert refused(publish(changed, csv=LOG.files["ledger.csv"]), saved=[checkpoint_of(DATA[: place + 1])]) is Code.FORK


def test_a_log_that_forgot_its_end_is_found_by_who_saw_it() -> None:
    assert refused(publish(DATA[:400]), saved=[checkpoint_of(DATA)]) is Code.FORK


def test_a_log_that_calls_itself_otherwise_is_another_log() -> None:
    assert refused(LOG, saved=[checkpoint_of(DATA[:9], "other.example.org/log")]) is Code.FORK


def test_another_key_is_refused() -> None:
    assert refused(LOG, keys=[new_key(ORIGIN).verifier]) is Code.SIGNATURE
    assert refused(publish(DATA, new_key("other.example.org")), keys=[KEY.verifier]) is Code.SIGNATURE


def test_witnesses_are_asked_for_by_the_policy() -> None:
    witnesses = [new_key(f"w{number}.example.org", COSIGNATURE) for number in range(3)]
    lines = [f"log {KEY.verifier}", *(f"witness w{number} {key.verifier}" for number, key in enumerate(witnesses))]
    policy = read_policy("\n".join([*lines, "group most 2 w0 w1 w2", "quorum most", ""]).encode())
    once = LOG.copy()
    once.files["checkpoint"] = bytes(cosign(read_note(LOG.files["checkpoint"]), witnesses[0], 1_790_000_000))
    assert refused(once, policy=policy, keys=()) is Code.SIGNATURE
    twice = once.copy()
    twice.files["checkpoint"] = bytes(cosign(read_note(once.files["checkpoint"]), witnesses[2], 1_790_000_001))
    assert verifier(twice, policy=policy, keys=()).run().witnesses == ("w0", "w2")


def test_without_a_csv_that_is_noted() -> None:
    log = LOG.copy()
    del log.files["ledger.csv"]
    del log.files["totals.csv"]
    assert verifier(log).run().notes == [f"there is no {name} here to compare" for name in ("ledger.csv", "totals.csv")]


def test_a_csv_may_be_ahead_of_what_is_signed() -> None:
    assert verifier(publish(DATA[:300], csv=LOG.files["ledger.csv"])).run().csv_rows_checked


def test_a_partial_tile_that_became_full_meanwhile_is_read_from_the_full_one() -> None:
    log = publish(DATA[:300])
    later = publish(DATA)
    for level in (0, -1):
        partial = Tile(level, 1, 44).path
        del log.files[partial]
        log.files[Tile(level, 1).path] = later.files[Tile(level, 1).path]
    assert verifier(log).run().size == 300


def test_kept_tiles_save_the_way_and_not_the_work(tmp_path: Path) -> None:
    assert verifier(LOG, source=Kept(LOG, tmp_path)).run().size == len(DATA)
    asked: list[str] = []

    class Watched(InMemory):
        def read(self, name: str) -> bytes | None:
            asked.append(name)
            return super().read(name)

    assert verifier(LOG, source=Kept(Watched(LOG.files), tmp_path)).run().size == len(DATA)
    assert "tile/entries/000" not in asked
    kept = tmp_path / "tile/entries/000"
    kept.write_bytes(kept.read_bytes().replace(b"fund:rice", b"fund:soup", 1))
    assert refused(LOG, source=Kept(LOG, tmp_path)) is Code.TREE


def unbalanced(change: str) -> list[bytes]:
    """A short log that its key signed and whose books do not add up."""
    writer = Writer()
    writer.open()
    writer.open("noise", "USD")
    given = writer.entry("donation", ("clearing", "fund:rice", 1500), campaign="rice")
    back = ("fund:rice", "clearing", 1500)
    match change:
        case "an account that was never opened":
            writer.entry("donation", ("clearing", "fund:tea", 1), campaign="rice")
        case "a campaign that was never opened":
            writer.entry("donation", ("clearing", "fund:rice", 1), campaign="tea")
        case "a book that was never opened":
            writer.entry("donation", ("clearing", "fund:rice", 1), campaign="rice", book="other")
        case "another currency":
            writer.entry("donation", ("clearing", "fund:rice", 1), campaign="rice", cur="USD")
        case "a leg to itself":
            writer.entry("donation", ("clearing", "clearing", 1), campaign="rice")
        case "a reversal of nothing":
            writer.entry("reversal", back, campaign="rice")
        case "a reversal of what comes later":
            writer.entry("reversal", back, campaign="rice", rev=given + 7)
        case "a reversal of no entry":
            writer.entry("reversal", back, campaign="rice", rev=0)
        case "a reversal of another amount":
            writer.entry("reversal", ("fund:rice", "clearing", 1499), campaign="rice", rev=given)
        case "a second reversal":
            writer.entry("reversal", back, campaign="rice", rev=given)
            writer.entry("reversal", back, campaign="rice", rev=given)
        case "a reversal of a reversal":
            seq = writer.entry("reversal", back, campaign="rice", rev=given)
            writer.entry("reversal", ("clearing", "fund:rice", 1500), campaign="rice", rev=seq)
        case "something else that reverses":
            writer.entry("refund", back, campaign="rice", rev=given)
        case "a fund below zero":
            writer.entry("disbursement_approved", ("fund:rice", "payable:p1", 1501), campaign="rice")
        case "an account opened twice":
            writer.write(OpenAccount, account="bank", cls="asset")
        case "evidence of nothing":
            writer.write(leaves.DocumentLeaf, doc=bytes(32), supports=(0,))
        case "evidence that replaces an entry":
            writer.write(leaves.DocumentLeaf, doc=bytes(32), supports=(given,), supersedes=given)
        case "evidence that was replaced before":
            first = writer.write(leaves.DocumentLeaf, doc=bytes(32), supports=(given,))
            writer.write(leaves.DocumentLeaf, doc=bytes(32), supports=(given,), supersedes=first)
            writer.write(leaves.DocumentLeaf, doc=bytes(32), supports=(given,), supersedes=first)
        case "a number that was left out":
            writer.data.append(
                leaves.encode(OpenAccount(seq=99, book="lunch", day=writer.day, account="jar", cls="fund"))
            )
        case "a day that is none":
            writer.entry("donation", ("clearing", "fund:rice", 1500), campaign="rice")
            writer.data[-1] = writer.data[-1].replace(b"2026-03-02", b"2026-02-30")
        case "a second close of a day":
            writer.close()
            writer.entry("donation", ("clearing", "fund:rice", 1500), campaign="rice")
            writer.day = writer.day.replace(day=2)
            writer.close()
        case "a close of nothing":
            writer.close()
            writer.close()
        case "spaces between keys":
            writer.entry("donation", ("clearing", "fund:rice", 1500), campaign="rice")
            writer.data[-1] = writer.data[-1].replace(b'","', b'", "', 1)
        case _:
            writer.close(**{change: {"entries": 2, "turnover": 1}.get(change, bytes(32))})
    return writer.data


@pytest.mark.parametrize(
    "change",
    ["an account that was never opened", "a campaign that was never opened", "a book that was never opened",
     "another currency", "a leg to itself", "a reversal of nothing", "a reversal of what comes later",
     "a reversal of no entry", "a reversal of another amount", "a second reversal", "a reversal of a reversal",
     "something else that reverses", "a fund below zero", "an account opened twice", "evidence of nothing",
     "evidence that replaces an entry", "evidence that was replaced before", "a number that was left out", "a day that is none", "a second close of a day",
     "a close of nothing", "spaces between keys", "entries", "turnover", "trial", "csv"],
)  # fmt: skip
def test_what_the_books_do_not_allow_is_found_though_it_is_signed(change: str) -> None:
    assert refused(publish(unbalanced(change), csv=b""), with_csv=False) is Code.ACCOUNTING


def test_two_checkpoints_that_were_saved_of_one_size_and_differ_are_a_fork_whichever_the_log_shows() -> None:
    others = [*DATA[:-1], DATA[-1].replace(b'"v":"1"', b'"v":"1" ')]
    saved = [checkpoint_of(DATA), checkpoint_of(others)]
    for order in (saved, saved[::-1]):
        with pytest.raises(Refused, match="they differ") as told:
            verifier(publish(DATA), saved=order).run()
        assert told.value.code is Code.FORK


def test_rows_behind_the_signed_lines_are_counted_and_told() -> None:
    log = publish(DATA)
    size = len(DATA)
    log.files["ledger.csv"] += b"%d,1,x\n%d,2,x\n%d,1,x\n" % (size, size, size + 4)
    assert any("3 rows that were not checked" in note for note in verifier(log).run().notes)


@pytest.mark.parametrize("tail", [b"{next},x\n1,1,x\n", b"{next},x\nx,1\n", b"{next},half", b"9" * 5000 + b"\n"])
def test_rows_behind_the_signed_lines_that_belong_before_them_are_refused(tail: bytes) -> None:
    log = publish(DATA)
    log.files["ledger.csv"] += tail.replace(b"{next}", b"%d" % len(DATA))
    with pytest.raises(Refused, match="no leaf makes") as told:
        verifier(log).run()
    assert told.value.code is Code.EXPORT


def test_a_key_and_a_policy_must_both_hold() -> None:
    policy = read_policy(f"log {KEY.verifier}\nquorum none\n".encode())
    other = new_key(ORIGIN).verifier
    verifier(publish(DATA), policy=policy).run()
    with pytest.raises(Refused) as told:
        verifier(publish(DATA), policy=policy, keys=[other]).run()
    assert told.value.code is Code.SIGNATURE


def test_an_entry_that_is_read_by_its_likes_is_taken_and_refused_as_one_that_is_read_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One changed byte anywhere in an entry of which a like came before: both readers say the same of it."""
    writer = Writer()
    writer.open()
    for number in range(3):
        writer.entry("donation", ("clearing", "fund:rice", 1500 + number), campaign="rice")
    *before, last = writer.data

    def said(leaf: bytes) -> tuple[str, object]:
        books = Books()
        books.take(before, [leaf_hash(one) for one in before])
        try:
            row = books.take([leaf], [leaf_hash(leaf)])
        except (BooksWrong, NotCanonical):
            return "refused", None
        return "taken", (row, books.totals(), books.entry_count)

    changed = [
        last[:place] + bytes([other]) + last[place + 1 :] for place in range(len(last)) for other in b'0a9f"Z,\xff'
    ]
    changed += [last[:place] + last[place + 1 :] for place in range(len(last))]
    changed += [last[:place] + b"0" + last[place:] for place in range(len(last))]
    by_likes = [said(leaf) for leaf in changed]
    monkeypatch.setattr(Books, "_take_alike", lambda *_: None)
    assert by_likes == [said(leaf) for leaf in changed]
    assert {verdict for verdict, _ in by_likes} == {"taken", "refused"}
