"""`.github/VERIFY.md` by its own commands, on a served log and on a mirror: what holds is found to hold, each planted fault is found."""

import base64
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from donate.db import Database, Role
from donate.giving.proof_donor import key_of as promise_key_of
from donate.publiclog import mirror
from donate.publiclog.keys import KeyFolder
from donate.publiclog.promises import promise
from donate.publiclog.proofs import proof_of
from donate.settings import Settings
from donate.tlog.note import COSIGNATURE, cosign, new_key, sign_note
from donate.tlog.verify import Code
from donate.tlog.zipapp import build
from tests.publiclog import outside
from tests.publiclog.conftest import ORIGIN
from tests.publiclog.factories import checkpoints, stored_leaves
from tests.publiclog.outside import Stranger
from tests.tlog.logs import publish
from tests.tlog.test_verify_command import written

LEAF_CHANGED = "UPDATE log_leaf SET leaf = convert_to(replace(convert_from(leaf, 'UTF8'), '\"1500\"', '\"9900\"'), 'UTF8') WHERE log_index = 99"
LEAF_AND_HASH_CHANGED = f"{LEAF_CHANGED}; UPDATE log_leaf SET leaf_hash = sha256('\\x00' || leaf) WHERE log_index = 99"
SIGNED_FOR_LESS = "UPDATE checkpoint SET note = convert_to(regexp_replace(convert_from(note, 'UTF8'), E'\\n[0-9]+\\n', E'\\n4\\n'), 'UTF8')"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's Go program, built by the page's command."""
    outside.needs_go()
    folder = tmp_path_factory.mktemp("go")
    (folder / "verify.go").write_text(outside.files()["verify.go"])
    command = f"export GOFLAGS= GOCACHE={folder}/cache; {outside.commands('go build')}"
    done = subprocess.run(["sh", "-c", command], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / "verify"


@pytest.fixture(params=["site", "mirror"])
def stranger(
    request: pytest.FixtureRequest, site: str, mirrored: Callable[[], Path], tmp_path: Path
) -> Callable[[], Stranger]:
    """A stranger before the log as it is now, over HTTP or as a mirror's folder."""

    def begin() -> Stranger:
        log = f"{site}/log" if request.param == "site" else f"file://{mirrored()}"
        return Stranger(tmp_path / "stranger", log, key_of(tmp_path))

    outside.needs_openssl()
    return begin


@pytest.fixture
def mirrored(database: Database, tmp_path: Path) -> Callable[[], Path]:
    def export() -> Path:
        mirror.export(database, tmp_path / "mirror", lambda _: None)
        return tmp_path / "mirror"

    return export


def key_of(folder: Path) -> str:
    return str(KeyFolder(folder / "log").keys()[0].verifier)


def behind_the_triggers(database: Database, statement: str) -> None:
    with database.transaction(Role.OWNER) as session:
        session.execute(sa.text("SET LOCAL session_replication_role = replica"))
        session.connection().exec_driver_sql(statement)


def older_kept(stranger: Stranger, database: Database) -> None:
    """The first checkpoint that the log ever published, as somebody kept it."""
    with database.reading() as session:
        note = session.scalars(sa.text("SELECT note FROM checkpoint ORDER BY size LIMIT 1")).one()
    (stranger.folder / "older").write_bytes(note)


def go(stranger: Stranger, program: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return stranger.tell(str(program), stranger.log, "vkey", "300", *more)


def forked(database: Database, folder: Path) -> Stranger:
    """A mirror of another history of the same size, signed by the log's own key; the true checkpoint is `older`."""
    leaves = stored_leaves(database)
    leaves[99] = leaves[99].replace(b'"1500"', b'"9900"')
    (key,) = KeyFolder(folder / "log").keys()
    liar = Stranger(folder / "liar", f"file://{written(publish(leaves, key), folder / 'forked')}", key_of(folder))
    (liar.folder / "older").write_bytes((folder / "log" / "checkpoint").read_bytes())
    return liar


def test_openssl_alone_finds_the_checkpoint_signed(stranger: Callable[[], Stranger], database: Database) -> None:
    done = stranger().run("note.sh checkpoint")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"Signature Verified Successfully\n{checkpoints(database)[-1].text}"


def test_openssl_refuses_another_key_of_the_same_name(stranger: Callable[[], Stranger], tmp_path: Path) -> None:
    reader = stranger()
    (reader.folder / "vkey").write_text(f"{new_key(ORIGIN).verifier}\n")
    done = reader.run("note.sh checkpoint")
    assert (done.returncode, f"is not signed by {ORIGIN}" in done.stderr) == (1, True)


def test_openssl_finds_each_of_two_keys_that_sign_while_they_are_changed(
    mirrored: Callable[[], Path], site: str, database: Database, tmp_path: Path
) -> None:
    outside.needs_openssl()
    keys = (new_key(ORIGIN), new_key(ORIGIN))
    (mirrored() / "checkpoint").write_bytes(bytes(sign_note(checkpoints(database)[-1].text, keys)))
    for number, key in enumerate(keys):
        reader = Stranger(tmp_path / f"reader{number}", f"file://{tmp_path}/mirror", str(key.verifier))
        assert reader.run("note.sh checkpoint").returncode == 0


def test_openssl_finds_a_wrong_signature(stranger: Callable[[], Stranger], database: Database) -> None:
    behind_the_triggers(database, SIGNED_FOR_LESS)
    done = stranger().run("note.sh checkpoint")
    assert (done.returncode, "is not signed by" in done.stderr) == (1, True)


@pytest.mark.parametrize("line", [0, 5, 255, 256, 299])
def test_a_line_hashes_by_openssl_to_what_its_tile_and_the_csv_say(
    stranger: Callable[[], Stranger], database: Database, line: int
) -> None:
    reader = stranger()
    assert reader.run("note.sh checkpoint").returncode == 0
    done = reader.run("tile-hash", LINE=str(line))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1].encode() == stored_leaves(database)[line]


def test_a_changed_line_no_longer_hashes_to_its_tile(stranger: Callable[[], Stranger], database: Database) -> None:
    behind_the_triggers(database, LEAF_CHANGED)
    reader = stranger()
    assert reader.run("note.sh checkpoint").returncode == 0
    assert reader.run("tile-hash", LINE="99").returncode == 1
    assert reader.run("tile-hash", LINE="98").returncode == 0


def test_the_go_teams_code_verifies_all_of_it(
    stranger: Callable[[], Stranger], database: Database, program: Path
) -> None:
    reader = stranger()
    assert reader.run("note.sh checkpoint").returncode == 0
    (reader.folder / "verify").symlink_to(program)
    done = reader.run("cp checkpoint older", LINE="5")
    assert done.returncode == 0, done.stderr
    newest = checkpoints(database)[-1]
    assert f"{newest.size} lines" in done.stdout
    assert f"line 5 stands in it: {stored_leaves(database)[5].decode()}\n" in done.stdout
    older_kept(reader, database)
    assert f"goes on from {checkpoints(database)[0].size} lines" in go(reader, program, "older").stdout


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (LEAF_AND_HASH_CHANGED, "TREE: the lines give another root"),
        (LEAF_CHANGED, "TREE: the lines give another root"),
        (
            "UPDATE log_leaf SET leaf_hash = sha256(leaf_hash) WHERE log_index = 99",
            "TREE: tile/0/000 is not what its lines give",
        ),
        ("UPDATE log_node SET hash = sha256(hash)", "TREE: downloaded inconsistent tile"),
        (SIGNED_FOR_LESS, "SIGNATURE: invalid signature"),
    ],
)
def test_the_go_teams_code_finds_what_was_changed(
    stranger: Callable[[], Stranger], database: Database, program: Path, statement: str, said: str
) -> None:
    behind_the_triggers(database, statement)
    done = go(stranger(), program)
    assert (done.returncode, said in done.stderr) == (1, True), done.stderr


def test_the_go_teams_code_finds_a_forked_history(site: str, database: Database, program: Path, tmp_path: Path) -> None:
    liar = forked(database, tmp_path)
    assert go(liar, program).returncode == 0  # the other history holds by itself
    done = go(liar, program, "older")
    assert (done.returncode, done.stderr.startswith("FORK")) == (1, True)


def test_the_go_teams_code_finds_a_log_that_forgot_its_end(
    site: str, database: Database, program: Path, tmp_path: Path
) -> None:
    (key,) = KeyFolder(tmp_path / "log").keys()
    short = written(publish(stored_leaves(database)[:200], key), tmp_path / "short")
    reader = Stranger(tmp_path / "reader", f"file://{short}", key_of(tmp_path))
    (reader.folder / "older").write_bytes((tmp_path / "log" / "checkpoint").read_bytes())
    assert "FORK" in go(reader, program, "older").stderr


def test_our_one_file_verifies_by_the_pages_commands(stranger: Callable[[], Stranger], database: Database) -> None:
    reader = stranger()
    build(reader.folder / "donate-verify.pyz")
    for _ in range(2):
        done = reader.run("--keep seen")
        assert (done.returncode, "everything holds" in done.stdout) == (0, True), done.stderr
    older_kept(reader, database)
    assert reader.run("--since older").returncode == 0


def test_two_readers_that_swap_their_checkpoints_find_that_they_were_shown_two_histories(
    site: str, database: Database, tmp_path: Path
) -> None:
    liar = forked(database, tmp_path)
    build(liar.folder / "donate-verify.pyz")
    assert liar.run("--keep seen").returncode == 0
    done = liar.run("--since older")
    assert (done.returncode, done.stderr.startswith("FORK")) == (Code.FORK, True)

    honest = Stranger(tmp_path / "honest", f"{site}/log", key_of(tmp_path))
    build(honest.folder / "donate-verify.pyz")
    (honest.folder / "older").write_bytes((tmp_path / "forked" / "checkpoint").read_bytes())
    assert honest.run("--since older").returncode == Code.FORK
    for reader in (liar, honest):  # and both signatures hold, which is the proof
        assert reader.tell("sh", "note.sh", "older", key_of(tmp_path)).returncode == 0


@pytest.fixture
def receipt(site: str, database: Database, tmp_path: Path) -> Callable[[int], Stranger]:
    outside.needs_openssl()

    def saved(place: int) -> Stranger:
        """A donor's own computer, without a network, with the proof file of the entry at this place of the entries."""
        donor = Stranger(tmp_path / f"donor{place}", "file:///nowhere", key_of(tmp_path))
        with database.reading() as session:
            indexes = session.scalars(sa.text("SELECT log_index FROM log_leaf WHERE kind = 'entry' ORDER BY 1")).all()
            (donor.folder / "donation.tlog-proof").write_bytes(bytes(proof_of(session, indexes[place])))
        return donor

    return saved


def test_a_receipt_opens_with_openssl_alone(receipt: Callable[[int], Stranger], database: Database) -> None:
    leaves = stored_leaves(database)
    for place in (0, 1, 100, 250, -1):
        done = receipt(place).run("sh receipt.sh")
        assert done.returncode == 0, (place, done.stderr)
        _, line, fields = done.stdout.splitlines()
        assert line.encode() in leaves
        assert fields.startswith("{")


def test_a_receipt_with_other_fields_another_line_or_another_path_is_refused(
    receipt: Callable[[int], Stranger],
) -> None:
    donor = receipt(100)
    path = donor.folder / "donation.tlog-proof"
    lines = path.read_text().split("\n")
    other = (receipt(101).folder / "donation.tlog-proof").read_text().split("\n")
    hashes = [[*lines[:3], lines[4], lines[3], *lines[5:]], lines[:3] + lines[4:], lines[:4] + lines[3:]]
    for changed in (lines[:1] + other[1:2] + lines[2:], lines[:2] + other[2:3] + lines[3:], *hashes):
        path.write_text("\n".join(changed))
        assert donor.run("sh receipt.sh").returncode != 0


def test_a_receipt_whose_private_fields_were_changed_commits_to_something_else(
    receipt: Callable[[int], Stranger],
) -> None:
    donor = receipt(100)
    path = donor.folder / "donation.tlog-proof"
    lines = path.read_text().split("\n")
    extra = base64.b64decode(lines[1].removeprefix("extra "))
    lines[1] = "extra " + base64.b64encode(extra.replace(b'{"fields":{', b'{"fields":{"a":"b",')).decode()
    path.write_text("\n".join(lines))
    done = donor.run("sh receipt.sh")
    assert (done.returncode, "does not commit to these fields" in done.stderr) == (1, True)


def test_a_promise_is_checked_with_openssl_by_the_key_that_the_site_publishes(
    site: str, settings: Settings, tmp_path: Path
) -> None:
    outside.needs_openssl()
    donor = Stranger(tmp_path / "donor", f"{site}/log", key_of(tmp_path))
    facts = {"book": "lunch", "commitment": bytes(32), "booked_at": datetime.now(UTC), "within": timedelta(hours=1)}
    note = bytes(promise(promise_key_of(settings), origin=ORIGIN, **facts))
    (donor.folder / "promise.note").write_bytes(note)
    done = donor.run("note.sh promise.note")
    assert (done.returncode, f"commitment {'00' * 32}" in done.stdout) == (0, True), done.stderr
    (donor.folder / "promise.note").write_bytes(note.replace(b"commitment 00", b"commitment 01"))
    assert donor.run("note.sh promise.note").returncode == 1


def test_the_policy_of_the_page_asks_for_both_of_its_witnesses(
    site: str, mirrored: Callable[[], Path], database: Database, tmp_path: Path
) -> None:
    log, newspaper, charity = (
        KeyFolder(tmp_path / "log").keys()[0],
        *(new_key(f"{n}.example", COSIGNATURE) for n in "np"),
    )
    reader = Stranger(tmp_path / "reader", f"file://{mirrored()}", str(log.verifier))
    build(reader.folder / "donate-verify.pyz")
    text = outside.PAGE.partition("```text\n")[2].partition("```")[0]
    for name, key in (("log's", log), ("newspaper's", newspaper), ("other charity's", charity)):
        text = text.replace(f"<the {name} vkey>", str(key.verifier))
    (reader.folder / "policy").write_text(text)
    note = sign_note(checkpoints(database)[-1].text, [log])
    for witness, code, said in (
        (newspaper, 10, "of its witnesses signed: 'newspaper'"),
        (charity, 0, "Witnesses: charity, newspaper"),
    ):
        note = cosign(note, witness, 1_790_000_000)
        (tmp_path / "mirror" / "checkpoint").write_bytes(bytes(note))
        done = reader.run("--policy policy")
        assert (done.returncode, said in done.stdout + done.stderr) == (code, True), done.stderr


def test_a_tool_that_is_not_there_is_told_and_is_a_failure_where_all_are_required(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("TESTS_TOOLS", raising=False)
    with pytest.raises(pytest.skip.Exception, match="apt-get install golang-go"):
        outside.needed("go", "golang-go", is_there=False)
    monkeypatch.setenv("TESTS_TOOLS", "required")
    with pytest.raises(pytest.fail.Exception, match="apt-get install golang-go"):
        outside.needed("go", "golang-go", is_there=False)
