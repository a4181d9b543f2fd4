"""Which logs and witnesses somebody trusts, and how many of them have to agree. Source: c2sp.org/tlog-policy."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from donate.errors import N_, DonateError
from donate.tlog import note
from donate.tlog.checkpoint import Checkpoint, open_checkpoint
from donate.tlog.note import KeyWrong, NotSigned, SignedNote, VerifierKey, verifier_key

NO_QUORUM = "none"


class PolicyWrong(DonateError):
    sentence = N_("Line %(line)s of the policy: %(problem)s")


@dataclass(frozen=True, slots=True)
class Group:
    """So many of these witnesses or groups have to have signed."""

    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """Trusted logs, witnesses by name, groups by name, and the name of the quorum (`none`: nobody)."""

    logs: tuple[VerifierKey, ...]
    witnesses: Mapping[str, VerifierKey]
    groups: Mapping[str, Group]
    quorum: str

    def witnesses_of(self, signed: SignedNote) -> set[str]:
        """Names of the witnesses that signed. Raises NotSigned where one of their signatures is wrong."""
        by = note.signed_by(signed, list(self.witnesses.values()))
        return {name for name, key in self.witnesses.items() if key in by}

    def is_met(self, witnessed: Collection[str]) -> bool:
        """Whether these witnesses are the quorum."""
        return self.quorum == NO_QUORUM or self._has_signed(self.quorum, witnessed)

    def _has_signed(self, name: str, witnessed: Collection[str]) -> bool:
        if name in self.witnesses:
            return name in witnessed
        group = self.groups[name]
        return sum(self._has_signed(member, witnessed) for member in group.members) >= group.threshold

    def open(self, signed: SignedNote) -> Checkpoint:
        """The checkpoint in a note that a trusted log and the quorum signed. Raises NotSigned, CheckpointWrong."""
        checkpoint = open_checkpoint(signed, self.logs)
        witnessed = self.witnesses_of(signed)
        if not self.is_met(witnessed):
            there = ", ".join(map(repr, sorted(witnessed))) or "nobody"  # a name need not be UTF-8, a sentence has to
            raise NotSigned(problem=f"the policy's quorum {self.quorum!r} is not met; of its witnesses signed: {there}")
        return checkpoint


def read_policy(data: bytes) -> Policy:
    """A policy file read. Raises PolicyWrong with the number of the line."""
    reader = _Reader()
    for number, line in enumerate(data.split(b"\n"), 1):
        if any((byte < 0x20 and byte != 0x09) or byte == 0x7F for byte in line):
            raise PolicyWrong(line=number, problem="it holds a control character")
        words = line.decode("utf-8", "surrogateescape").replace("\t", " ").split(" ")
        words = [word for word in words if word]
        if not words or words[0].startswith("#"):
            continue
        try:
            reader.take(words)
        except KeyWrong as error:
            raise PolicyWrong(line=number, problem=str(error)) from error
        except ValueError as error:
            raise PolicyWrong(line=number, problem=str(error)) from None
    if reader.quorum is None:
        raise PolicyWrong(line=0, problem="no line says what the quorum is")
    return Policy(tuple(reader.logs), reader.witnesses, reader.groups, reader.quorum)


class _Reader:
    """Takes a policy's lines one after the other; a name counts from the line on that defines it."""

    def __init__(self) -> None:
        self.logs: list[VerifierKey] = []
        self.witnesses: dict[str, VerifierKey] = {}
        self.groups: dict[str, Group] = {}
        self.quorum: str | None = None
        self._members: set[str] = set()  # of any group so far

    def take(self, words: list[str]) -> None:
        """One line. Raises ValueError with the problem, KeyWrong."""
        match words:
            case ["log", vkey] | ["log", vkey, _]:
                self.logs.append(self._new_key(vkey, note.PLAIN, self.logs))
            case ["witness", name, vkey] | ["witness", name, vkey, _]:
                self._check_new(name)
                self.witnesses[name] = self._new_key(vkey, note.COSIGNATURE, self.witnesses.values())
            case ["group", name, threshold, *members]:
                self._check_new(name)
                self.groups[name] = self._group(threshold, members)
            case ["quorum", name]:
                if self.quorum is not None:
                    raise ValueError("the quorum is said twice")
                if name != NO_QUORUM:
                    self._check_known(name)
                self.quorum = name
            case [word, *_]:
                raise ValueError(f"{word!r} begins no line that there is, or too much or too little follows")

    def _new_key(self, spelt: str, kind: int, known: Collection[VerifierKey]) -> VerifierKey:
        key = verifier_key(spelt)
        if key.kind != kind:
            raise ValueError("the key is of another kind")
        if any(other.public == key.public for other in known):
            raise ValueError("the key stands there twice")
        return key

    def _group(self, threshold: str, members: list[str]) -> Group:
        if not members:
            raise ValueError("a group has at least one member")
        for member in members:
            self._check_known(member)
            if member in self._members:
                raise ValueError(f"{member!r} is a member already")
            self._members.add(member)
        number = int(threshold) if threshold.isascii() and threshold.isdecimal() else 0
        count = {"any": 1, "all": len(members)}.get(threshold, number)
        if not 1 <= count <= len(members):
            raise ValueError(f"{threshold!r} is none of any, all and 1 to {len(members)}")
        return Group(count, tuple(members))

    def _check_new(self, name: str) -> None:
        if name == NO_QUORUM or name in self.witnesses or name in self.groups:
            raise ValueError(f"the name {name!r} is taken")

    def _check_known(self, name: str) -> None:
        if name not in self.witnesses and name not in self.groups:
            raise ValueError(f"no line before this one defines {name!r}")
