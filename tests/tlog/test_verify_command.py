"""The verifier as a program, in one file, on a machine that has nothing else of ours."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from donate.tlog.merkle import inclusion_proof
from donate.tlog.note import read_note
from donate.tlog.proof_file import ProofFile
from donate.tlog.receipt import extra_of
from donate.tlog.tiles import nodes_of
from donate.tlog.verify import Code
from donate.tlog.verify_command import main
from donate.tlog.zipapp import build
from tests.tlog.logs import KEY, InMemory, Writer, a_log, publish

DATA = a_log(300)
LOG = publish(DATA)
TRUSTED = ["--key", str(KEY.verifier)]


def written(log: InMemory, folder: Path) -> Path:
    for name, data in log.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return written(LOG, tmp_path / "log")


def test_a_folder_that_holds_is_told_in_words(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(folder), *TRUSTED]) == 0
    assert "300 lines" in capsys.readouterr().out


def test_without_a_key_of_ones_own_that_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(folder)]) == 0
    assert "the key was taken from the log itself" in capsys.readouterr().out


def test_the_result_as_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(folder), *TRUSTED, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["code"], told["size"], told["csv"], told["notes"]) == (0, 300, True, [])


@pytest.mark.parametrize(
    ("name", "code"), [("checkpoint", Code.SIGNATURE), ("tile/0/000", Code.TREE), ("ledger.csv", Code.EXPORT)]
)
def test_what_is_wrong_is_the_exit_code(
    folder: Path, name: str, code: Code, capsys: pytest.CaptureFixture[str]
) -> None:
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)
    assert main([str(folder), *TRUSTED, "--json"]) == code
    told = json.loads(capsys.readouterr().out)
    assert told["result"] == code.name.lower()
    assert told["problem"]


@pytest.mark.parametrize("given", ["nothing-there", "http://127.0.0.1:9/"])
def test_what_cannot_be_read_is_told_apart_from_what_is_wrong(
    given: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("donate.tlog.source.FIRST_PAUSE_SECONDS", 0)
    assert main([given, *TRUSTED]) == Code.UNREADABLE
    assert capsys.readouterr().err.startswith("UNREADABLE")


def test_a_key_that_is_none_is_told_in_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(folder), "--key", "nonsense"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_what_was_seen_before_is_compared_at_the_next_run(folder: Path, tmp_path: Path) -> None:
    keep = ["--keep", str(tmp_path / "kept")]
    assert main([str(folder), *TRUSTED, *keep]) == 0
    longer = written(publish(a_log(400)), tmp_path / "longer")
    assert main([str(longer), *TRUSTED, *keep]) == 0
    other = written(publish(a_log(500, seed=2)), tmp_path / "other")
    assert main([str(other), *TRUSTED, "--since", str(folder / "checkpoint")]) == Code.FORK
    assert main([str(folder), *TRUSTED, *keep]) == Code.FORK  # it ends before what was seen


SALT, FIELDS = bytes(range(32)), {"name": "张三", "message": "吃好！"}


def a_receipt(tmp_path: Path, fields: dict[str, str], *, is_reversed: bool = False) -> tuple[Path, Path]:
    """A log with one donation that commits to FIELDS, and a proof file that claims `fields`."""
    from donate.tlog.leaf import commitment

    writer = Writer()
    writer.open()
    seq = writer.entry("donation", ("clearing", "fund:rice", 1500), campaign="rice", cm=commitment(SALT, FIELDS))
    if is_reversed:
        writer.entry("reversal", ("fund:rice", "clearing", 1500), campaign="rice", rev=seq, note=bytes(32))
    log = publish(writer.data)
    size = len(writer.data)
    hashes = inclusion_proof(nodes_of(lambda tile: log.files[tile.path], size), seq, size)
    proof = ProofFile(seq, hashes, read_note(log.files["checkpoint"]), extra_of(writer.data[seq], SALT, fields))
    path = tmp_path / "mine.tlog-proof"
    path.write_bytes(bytes(proof))
    return written(log, tmp_path / "receipt-log"), path


def test_a_receipt_is_checked_with_the_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log, path = a_receipt(tmp_path, FIELDS)
    assert main([str(log), *TRUSTED, "--receipt", str(path)]) == 0
    assert "1500 from clearing to fund:rice" in capsys.readouterr().out


@pytest.mark.parametrize("is_reversed", [False, True])
def test_a_receipt_of_a_donation_that_was_reversed_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], is_reversed: bool
) -> None:
    log, path = a_receipt(tmp_path, FIELDS, is_reversed=is_reversed)
    assert main([str(log), *TRUSTED, "--receipt", str(path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["receipt_was_reversed"] is is_reversed
    assert any("REVERSED" in note for note in told["notes"]) is is_reversed


def test_a_receipt_with_another_name_in_it_is_refused(tmp_path: Path) -> None:
    log, path = a_receipt(tmp_path, FIELDS | {"name": "李四"})
    assert main([str(log), *TRUSTED, "--receipt", str(path)]) == Code.RECEIPT


def test_a_receipt_of_another_log_is_refused(folder: Path, tmp_path: Path) -> None:
    _, path = a_receipt(tmp_path, FIELDS)
    assert main([str(folder), *TRUSTED, "--receipt", str(path)]) == Code.FORK


def test_one_file_verifies_where_the_project_is_not_installed(folder: Path, tmp_path: Path) -> None:
    program = tmp_path / "donate-verify.pyz"
    build(program)
    command = [sys.executable, "-I", "-S", str(program), str(folder), *TRUSTED]  # no site-packages: openssl verifies
    done = subprocess.run(command, capture_output=True, text=True, cwd="/", check=False)
    assert (done.returncode, "300 lines" in done.stdout) == (0, True), done.stderr


def test_the_one_file_is_the_same_at_every_build_and_holds_nothing_but_the_log(tmp_path: Path) -> None:
    build(tmp_path / "one")
    build(tmp_path / "other")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()
    names = zipfile.ZipFile(tmp_path / "one").namelist()
    assert all(name.startswith(("donate/tlog/", "donate/errors", "donate/__init__", "__main__")) for name in names)


def test_a_zip_of_a_folder_is_read_like_the_folder(folder: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "log.zip", "w") as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, f"log/{path.relative_to(folder)}")
    assert main([str(tmp_path / "log.zip"), *TRUSTED]) == 0
