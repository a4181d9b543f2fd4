"""The verifier as a program: `donate verify`, and `python3 donate-verify.pyz` where nothing else of ours is installed.

Only the standard library is needed here, and `cryptography` or openssl for signatures.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from donate.errors import DonateError
from donate.tlog.checkpoint import Checkpoint, CheckpointWrong, read_checkpoint
from donate.tlog.merkle import ProofWrong
from donate.tlog.note import KeyWrong, NoteWrong, NotSigned, VerifierKey, read_note, verifier_key
from donate.tlog.policy import Policy, read_policy
from donate.tlog.proof_file import ProofFile, ProofFileWrong, read_proof_file
from donate.tlog.receipt import ReceiptWrong, Shown, check_receipt
from donate.tlog.source import Kept, Source, SourceUnreachable, source_of
from donate.tlog.verify import Code, Findings, Refused, Verifier

CODES = "\n".join(
    f"  {code.value:>2}  {sentence}"
    for code, sentence in {
        Code.FINE: "everything holds",
        Code.UNREADABLE: "nothing was found out: it cannot be read",
        Code.SIGNATURE: "not signed by the key, or not by enough witnesses",
        Code.TREE: "a leaf or a tile is not what was signed",
        Code.FORK: "the log is not the one that was seen before",
        Code.ACCOUNTING: "a leaf says what the books do not allow",
        Code.EXPORT: "the published CSV is not what the leaves say",
        Code.RECEIPT: "the proof file does not hold",
    }.items()
)


def main(arguments: Sequence[str] | None = None, *, name: str | None = None) -> int:
    """Run with these arguments; the exit code."""
    given = _parser(name).parse_args(arguments)
    began = time.monotonic()
    try:
        findings = _verified(given)
    except Refused as refused:
        return _end(given, refused.code, str(refused))
    except SourceUnreachable as error:
        return _end(given, Code.UNREADABLE, str(error))
    except DonateError as error:
        print(f"{name or 'donate verify'}: {error}", file=sys.stderr)
        return 2
    seconds = time.monotonic() - began
    return _end(given, Code.FINE, _told(findings, seconds), findings)


def _parser(name: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=name,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Check a public log from the first line to the last: signatures, tiles, sums, and the CSV.",
        epilog=f"Exit codes:\n{CODES}",
    )
    add = parser.add_argument
    add("log", help="address of the site or of its log, a folder (donate log export), or a zip of one")
    add("--key", action="append", default=[], metavar="VKEY", help="a public key of the log that you trust")
    add("--policy", type=Path, metavar="FILE", help="logs and witnesses that you trust (c2sp.org/tlog-policy)")
    add("--since", action="append", default=[], type=Path, metavar="CHECKPOINT", help="a checkpoint saved before")
    add("--keep", type=Path, metavar="FOLDER", help="keep tiles and checkpoints here, and compare with those of before")
    add("--receipt", type=Path, metavar="FILE", help="also check this .tlog-proof of a donation")
    add("--no-csv", action="store_true", help="do not compare the CSV")
    add("--json", action="store_true", help="say the result as JSON")
    add("--quiet", action="store_true", help="no progress")
    return parser


def _verified(given: argparse.Namespace) -> Findings:
    source: Source = source_of(given.log)
    saved = [_saved(path) for path in given.since]
    kept = Kept(source, given.keep) if given.keep is not None else None
    if kept is not None:
        source = kept
        saved += [_saved(path) for path in _kept_checkpoints(given.keep)]
    keys, policy, believed = _trusted(given, source)
    shown = None
    if given.receipt is not None:
        shown = _checked(_receipt(given.receipt), keys)
        saved.append(shown.checkpoint)  # the receipt's checkpoint has to be one of this log's own past
    verifier = Verifier(
        source=source, keys=keys, policy=policy, saved=saved, with_csv=not given.no_csv, progress=_progress(given)
    )
    findings = _run(verifier, kept)
    if believed:
        findings.notes.append("the key was taken from the log itself; give --key with one that you have from elsewhere")
    if shown is not None:
        legs = ", ".join(f"{leg.amount_minor} from {leg.debit} to {leg.credit}" for leg in shown.leaf.legs)
        findings.notes.append(f"the receipt is line {shown.leaf.seq}, {shown.leaf.day}, {shown.leaf.cur}: {legs}")
        findings.receipt_was_reversed = findings.books.is_reversed(shown.leaf.seq)
        if findings.receipt_was_reversed:
            findings.notes.append("a later line REVERSED what the receipt is of: it counts no more")
    if given.keep is not None:
        _save(given.keep, findings)
    return findings


def _run(verifier: Verifier, kept: Kept | None) -> Findings:
    """Run; where that is refused after kept tiles were read, once more without them: they may be what is wrong.

    Raises Refused, which so is always about what the log itself shows now, and SourceUnreachable.
    """
    try:
        return verifier.run()
    except Refused:
        if kept is None or not kept.start_anew():
            raise
    return verifier.run()


def _trusted(given: argparse.Namespace, source: Source) -> tuple[list[VerifierKey], Policy | None, bool]:
    """Keys, policy, and whether the keys are only the log's own word."""
    policy = read_policy(_bytes_of(given.policy)) if given.policy is not None else None
    keys = [verifier_key(key) for key in given.key]
    if keys or (policy is not None and policy.logs):
        return keys or list(policy.logs if policy else ()), policy, False
    data = source.read("vkey")
    if data is None:
        raise Refused(Code.UNREADABLE, "there is no key here; give one with --key")
    try:
        return [verifier_key(line) for line in data.decode("ascii", "replace").splitlines()], policy, True
    except KeyWrong as error:  # the log's own word, so not a wrong argument
        raise Refused(Code.UNREADABLE, f"the key here is none, give one with --key: {error}") from error


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SourceUnreachable(name=path, problem=error.strerror or str(error)) from error


def _kept_checkpoints(folder: Path) -> list[Path]:
    """Those that `_save` wrote: by their size, and not what else a file manager may have put there."""
    found = (folder / "checkpoints").glob("*")
    return sorted(path for path in found if path.name.isascii() and path.name.isdecimal())


def _saved(path: Path) -> Checkpoint:
    try:
        return read_checkpoint(read_note(_bytes_of(path)).text)
    except (NoteWrong, CheckpointWrong) as error:
        raise SourceUnreachable(name=path, problem=str(error)) from error


def _save(folder: Path, findings: Findings) -> None:
    """The checkpoint that was checked, for the next run, under its size. Raises SourceUnreachable."""
    path = folder / "checkpoints" / str(findings.size)
    new = path.with_name(f".{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new.write_bytes(findings.note)
        new.replace(path)
    except OSError as error:
        raise SourceUnreachable(name=path, problem=error.strerror or str(error)) from error


def _receipt(path: Path) -> ProofFile:
    try:
        return read_proof_file(_bytes_of(path))
    except ProofFileWrong as error:
        raise Refused(Code.RECEIPT, str(error)) from error


def _checked(receipt: ProofFile, keys: Sequence[VerifierKey]) -> Shown:
    try:
        return check_receipt(receipt, keys)
    except (NotSigned, CheckpointWrong) as error:
        raise Refused(Code.SIGNATURE, str(error)) from error
    except (ProofWrong, ReceiptWrong) as error:
        raise Refused(Code.RECEIPT, str(error)) from error


def _progress(given: argparse.Namespace) -> Callable[[int, int], None]:
    def show(done: int, size: int) -> None:
        if not given.quiet and sys.stderr.isatty():
            print(f"\r{done:,} of {size:,} lines", end="\n" if done == size else "", file=sys.stderr, flush=True)

    return show


def _told(findings: Findings, seconds: float) -> str:
    rate = findings.size * 1000 // max(1, round(seconds * 1000))
    lines = [
        f"{findings.origin}: {findings.size:,} lines, {findings.entry_count:,} entries; everything holds.",
        f"root {findings.root.hex()}, {seconds:.1f} s, {rate:,} lines a second",
    ]
    if findings.compared_checkpoints:
        lines.append(f"It goes on from {findings.compared_checkpoints} checkpoints that were saved before.")
    if findings.witnesses:
        lines.append(f"Witnesses: {', '.join(findings.witnesses)}")
    return "\n".join([*lines, *(f"Note: {line}" for line in findings.notes)])


def _end(given: argparse.Namespace, code: Code, told: str, findings: Findings | None = None) -> int:
    if given.json:
        result: dict[str, object] = {"code": int(code), "result": code.name.lower()}
        if findings is None:
            result["problem"] = told
        else:
            result |= {
                "origin": findings.origin,
                "size": findings.size,
                "root": findings.root.hex(),
                "entries": findings.entry_count,
                "witnesses": list(findings.witnesses),
                "csv": findings.csv_rows_checked,
                "totals": findings.totals_compared,
                "receipt_was_reversed": findings.receipt_was_reversed,
                "saved_checkpoints": findings.compared_checkpoints,
                "notes": findings.notes,
            }
        print(json.dumps(result, ensure_ascii=False))
    else:
        print(told if findings else f"{code.name}: {told}", file=sys.stdout if findings else sys.stderr)
    return int(code)
