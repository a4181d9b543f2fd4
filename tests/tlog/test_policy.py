"""Policies: the specification's example with real keys, every quorum counted, every slip told with its line."""

from itertools import combinations

import pytest

from donate.tlog.checkpoint import Checkpoint, CheckpointWrong
from donate.tlog.note import COSIGNATURE, PLAIN, NotSigned, Signature, SignedNote, SigningKey, cosign, sign_note
from donate.tlog.policy import Group, PolicyWrong, read_policy

LOG = SigningKey("example.org/log", PLAIN, b"l" * 32)
MIRROR = SigningKey("example.org/mirror", PLAIN, b"m" * 32)
WITNESSES = {
    name: SigningKey(f"example.com/{name}", COSIGNATURE, name.encode() * 16)
    for name in ("X1", "X2", "X3", "Y1", "Y2", "Y3")
}
VKEYS = {name: str(key.verifier) for name, key in WITNESSES.items()}
EXAMPLE = f"""\
log {LOG.verifier}

witness X1 {VKEYS["X1"]}
witness X2 {VKEYS["X2"]}
witness X3 {VKEYS["X3"]}
group X-witnesses 2 X1 X2 X3

witness Y1 {VKEYS["Y1"]}
witness Y2 {VKEYS["Y2"]}
witness Y3 {VKEYS["Y3"]}
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""
CHECKPOINT = Checkpoint("example.org/log", 7, bytes(range(32)))


def a_note(*witnesses: str, log: SigningKey = LOG) -> SignedNote:
    note = sign_note(CHECKPOINT.text, [log])
    for name in witnesses:
        note = cosign(note, WITNESSES[name], 1_795_392_000)
    return note


def a_policy(*lines: str) -> bytes:
    """The log, two witnesses X1 and X2 on lines 2 and 3, and then these lines."""
    start = [f"log {LOG.verifier}", f"witness X1 {VKEYS['X1']}", f"witness X2 {VKEYS['X2']}"]
    return "\n".join([*start, *lines, ""]).encode()


# What is read


def test_the_example_of_the_specification_is_read() -> None:
    policy = read_policy(EXAMPLE.encode())
    assert policy.logs == (LOG.verifier,)
    assert policy.witnesses == {name: key.verifier for name, key in WITNESSES.items()}
    assert policy.groups == {
        "X-witnesses": Group(2, ("X1", "X2", "X3")),
        "Y-witnesses": Group(1, ("Y1", "Y2", "Y3")),
        "X-and-Y": Group(2, ("X-witnesses", "Y-witnesses")),
    }
    assert policy.quorum == "X-and-Y"


def test_the_quorum_of_the_example_is_two_of_x_and_one_of_y() -> None:
    policy = read_policy(EXAMPLE.encode())
    for count in range(7):
        for witnessed in combinations(WITNESSES, count):
            of_x = sum(name.startswith("X") for name in witnessed)
            assert policy.is_met(witnessed) == (of_x >= 2 and count - of_x >= 1)


@pytest.mark.parametrize(("threshold", "needed"), [("any", 1), ("all", 3), ("1", 1), ("2", 2), ("3", 3)])
def test_a_group_needs_as_many_as_its_threshold_says(threshold: str, needed: int) -> None:
    policy = read_policy(a_policy(f"witness X3 {VKEYS['X3']}", f"group G {threshold} X1 X2 X3", "quorum G"))
    for count in range(4):
        for witnessed in combinations(["X1", "X2", "X3"], count):
            assert policy.is_met(witnessed) == (count >= needed)


def test_a_single_witness_can_be_the_quorum() -> None:
    policy = read_policy(a_policy("quorum X1"))
    assert policy.is_met({"X1"})
    assert not policy.is_met({"X2"})


def test_nobody_can_be_the_quorum() -> None:
    policy = read_policy(b"quorum none\n")
    assert policy.is_met(())
    assert policy.logs == ()


def test_spaces_tabs_comments_empty_lines_and_urls_are_allowed() -> None:
    lines = [
        "\t # a comment: ünï, 中文 and \t tabs",
        "",
        " \t ",
        f"  log\t {MIRROR.verifier}  https://example.org/mirror \t",
        f"witness\tX3\t{VKEYS['X3']}\thttps://example.com/X3",
        "#group G all X1 nobody",
        "quorum X3",
    ]
    policy = read_policy(a_policy(*lines))
    assert policy.logs == (LOG.verifier, MIRROR.verifier)
    assert set(policy.witnesses) == {"X1", "X2", "X3"}
    assert policy.quorum == "X3"


def test_the_last_line_may_lack_its_newline() -> None:
    assert read_policy(a_policy("quorum X1").rstrip(b"\n")).quorum == "X1"


def test_a_name_may_be_any_bytes_and_is_told_apart_by_them() -> None:
    spelt = a_policy("group K any X1", "quorum K").replace(b" X1", b" \xe9").replace(b" X2", " \u212a".encode())
    policy = read_policy(spelt)
    assert policy.groups["K"].members == (b"\xe9".decode("utf-8", "surrogateescape"),)
    assert len({"K", *policy.witnesses}) == 3


def test_one_key_may_be_a_log_and_a_witness() -> None:
    both = SigningKey(LOG.name, COSIGNATURE, LOG.seed)
    assert read_policy(a_policy(f"witness L {both.verifier}", "quorum L")).witnesses["L"] == both.verifier


def test_as_many_logs_witnesses_and_groups_are_read_as_the_specification_asks() -> None:
    lines = [f"log {SigningKey(f'log{n}', PLAIN, bytes([n] * 32)).verifier}" for n in range(32)]
    lines += [f"witness w{n} {SigningKey('w', COSIGNATURE, bytes([n] * 32)).verifier}" for n in range(32)]
    lines += [f"group g{n} any w{n}" + (f" g{n - 1}" if n else "") for n in range(32)]
    policy = read_policy("\n".join([*lines, "quorum g31"]).encode())
    assert (len(policy.logs), len(policy.witnesses), len(policy.groups)) == (32, 32, 32)
    assert policy.is_met({"w0"})


# What is refused, and where


@pytest.mark.parametrize(
    ("lines", "line", "problem"),
    [
        (["quorum X1", "quorum X1"], 5, "said twice"),
        (["quorum X1", "quorum none"], 5, "said twice"),
        ([], 0, "no line says what the quorum is"),
        (["quorum nobody"], 4, "defines 'nobody'"),
        (["quorum G", "group G any X1"], 4, "defines 'G'"),
        (["quorum"], 4, "'quorum'"),
        (["quorum X1 X2"], 4, "'quorum'"),
        (["Quorum X1"], 4, "'Quorum'"),
        (["quorum x1"], 4, "defines 'x1'"),
        (["cosigner X1"], 4, "'cosigner'"),
        (["quorum X1 # a comment"], 4, "'quorum'"),
        (["log"], 4, "'log'"),
        ([f"log {MIRROR.verifier} url more"], 4, "'log'"),
        (["log example.org/log"], 4, "no key"),
        ([f"log {MIRROR.verifier}x"], 4, "no key"),
        (["", "# a comment", f"log {LOG.verifier}"], 6, "stands there twice"),
        ([f"log {SigningKey('another-name', PLAIN, LOG.seed).verifier}"], 4, "stands there twice"),
        ([f"log {VKEYS['X3']}"], 4, "another kind"),
        ([f"witness X3 {MIRROR.verifier}"], 4, "another kind"),
        ([f"witness X3 {VKEYS['X1']}"], 4, "stands there twice"),
        ([f"witness X1 {VKEYS['X3']}"], 4, "'X1' is taken"),
        ([f"witness none {VKEYS['X3']}"], 4, "'none' is taken"),
        (["witness X3"], 4, "'witness'"),
        (["witness X3 no-vkey"], 4, "no key"),
        (["group G any X1", f"witness G {VKEYS['X3']}"], 5, "'G' is taken"),
        (["group X1 any X2"], 4, "'X1' is taken"),
        (["group none any X1"], 4, "'none' is taken"),
        (["group G any X1", "group G any X2"], 5, "'G' is taken"),
        (["group G any"], 4, "at least one member"),
        (["group G"], 4, "'group'"),
        (["group G 0 X1 X2"], 4, "'0' is none of"),
        (["group G 3 X1 X2"], 4, "'3' is none of"),
        (["group G -1 X1 X2"], 4, "'-1' is none of"),
        (["group G +1 X1 X2"], 4, "'\\+1' is none of"),
        (["group G 1.0 X1 X2"], 4, "'1.0' is none of"),
        (["group G １ X1 X2"], 4, "is none of"),
        (["group G ² X1 X2"], 4, "is none of"),
        (["group G Any X1 X2"], 4, "'Any' is none of"),
        (["group G X1 X2"], 4, "'X1' is none of"),
        (["group G any X1 X1"], 4, "'X1' is a member already"),
        (["group G any X1", "group H any X1"], 5, "'X1' is a member already"),
        (["group G any X1", "group H any G", "group I any G X2"], 6, "'G' is a member already"),
        (["group G any G"], 4, "defines 'G'"),
        (["group G any H", "group H any X1"], 4, "defines 'H'"),
        (["group G any none"], 4, "defines 'none'"),
        (["group G any X1\u00a0X2"], 4, "defines"),
        (["# a comment\r"], 4, "control character"),
        (["quorum X1\r"], 4, "control character"),
        (["quorum X1", "", "# \0"], 6, "control character"),
        (["quorum X1", "\x0b"], 5, "control character"),
        (["quorum X1", "# \x1b[31m"], 5, "control character"),
        (["quorum X1", "# \x7f"], 5, "control character"),
    ],
)
def test_a_slip_is_told_with_its_line(lines: list[str], line: int, problem: str) -> None:
    with pytest.raises(PolicyWrong, match=problem) as caught:
        read_policy(a_policy(*lines))
    assert caught.value.facts["line"] == line


def test_an_empty_policy_is_refused() -> None:
    with pytest.raises(PolicyWrong, match="no line says what the quorum is"):
        read_policy(b"")


def test_windows_line_ends_are_refused_on_the_first_line() -> None:
    with pytest.raises(PolicyWrong, match="Line 1 of the policy: it holds a control character"):
        read_policy(EXAMPLE.replace("\n", "\r\n").encode())


# What is opened


def test_a_checkpoint_with_its_quorum_is_opened() -> None:
    assert read_policy(EXAMPLE.encode()).open(a_note("X1", "X3", "Y2")) == CHECKPOINT


@pytest.mark.parametrize("witnesses", [(), ("X1", "Y1"), ("X1", "X2", "X3"), ("Y1", "Y2", "Y3")])
def test_a_checkpoint_without_its_quorum_is_refused(witnesses: tuple[str, ...]) -> None:
    with pytest.raises(NotSigned, match="quorum 'X-and-Y' is not met"):
        read_policy(EXAMPLE.encode()).open(a_note(*witnesses))


def test_two_cosignatures_of_one_witness_count_once() -> None:
    with pytest.raises(NotSigned, match="signed: 'X1', 'Y1'"):
        read_policy(EXAMPLE.encode()).open(a_note("X1", "X1", "Y1"))


def test_a_quorum_without_the_log_is_refused() -> None:
    with pytest.raises(NotSigned, match="no trusted key signed"):
        read_policy(EXAMPLE.encode()).open(a_note("X1", "X2", "Y1", log=MIRROR))


def test_a_wrong_cosignature_refuses_the_checkpoint_although_the_quorum_is_met() -> None:
    note = a_note("X1", "X2", "Y1", "Y2")
    last = note.signatures[-1]
    wrong = Signature(last.name, last.key_id, bytes(72))
    with pytest.raises(NotSigned, match="is wrong"):
        read_policy(EXAMPLE.encode()).open(SignedNote(note.text, (*note.signatures[:-1], wrong)))


def test_witnesses_that_the_policy_does_not_name_are_passed_over() -> None:
    policy = read_policy(a_policy("quorum X1"))
    assert policy.open(a_note("Y1", "X1", "Y2")) == CHECKPOINT
    assert policy.witnesses_of(a_note("Y1", "X1", "Y2")) == {"X1"}


def test_any_of_the_logs_may_have_signed() -> None:
    policy = read_policy(a_policy(f"log {MIRROR.verifier}", "quorum none"))
    mirrored = Checkpoint(MIRROR.name, 7, bytes(32))
    assert policy.open(sign_note(mirrored.text, [MIRROR])) == mirrored
    assert policy.open(a_note()) == CHECKPOINT


def test_a_policy_without_logs_opens_nothing() -> None:
    with pytest.raises(NotSigned):
        read_policy(b"quorum none\n").open(a_note())


def test_a_signed_text_that_is_no_checkpoint_is_refused() -> None:
    with pytest.raises(CheckpointWrong):
        read_policy(a_policy("quorum none")).open(sign_note("example.org/log\n", [LOG]))


def test_a_refusal_can_be_printed_whatever_bytes_a_name_has() -> None:
    policy = read_policy(a_policy("group G all X1 X2", "quorum G").replace(b" X1", b" \xe9").replace(b" G", b" \xff"))
    with pytest.raises(NotSigned) as caught:
        policy.open(a_note("X2"))
    assert str(caught.value).encode()
