"""The embedded server lives as long as its users, whoever is killed, and leaves the machine as it was."""

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from donate.db import embedded, programs
from donate.db.embedded_place import Place, place_for
from tests.db.factories import ServerUser, eventually, kill_nine, postmaster_pid, processes_mentioning


@pytest.fixture(scope="module")
def initialised() -> Iterator[Path]:
    """An instance folder that has been used once; every uid can reach it (pytest's own folders are closed to others)."""
    base = Path(tempfile.mkdtemp(prefix="donate-test-"))
    base.chmod(0o755)
    with embedded.running(base / "instance", fsync=False):
        pass
    yield base / "instance"
    shutil.rmtree(base)


@pytest.fixture
def instance(initialised: Path) -> Iterator[Path]:
    """A copy of it, which spares each test the making of a database."""
    base = Path(tempfile.mkdtemp(prefix="donate-test-"))
    base.chmod(0o755)
    subprocess.run(["cp", "-a", initialised, base / "instance"], check=True)
    yield base / "instance"
    place = place_for(base / "instance", is_throwaway=True)
    eventually(lambda: postmaster_pid(place.data) is None)
    shutil.rmtree(base)


@pytest.fixture
def place(instance: Path) -> Place:
    return place_for(instance, is_throwaway=True)


def ask(url: str, query: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(query).fetchone()
        return row[0] if row else None


def tell(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


def test_a_second_user_meets_the_same_server_and_the_first_may_leave(instance: Path, place: Place) -> None:
    first, second = ServerUser(instance), ServerUser(instance)
    assert first.url() == second.url()
    pid = postmaster_pid(place.data)
    first.leave()
    assert postmaster_pid(place.data) == pid
    second.leave()
    assert postmaster_pid(place.data) is None


def test_data_survive_a_restart(instance: Path) -> None:
    with embedded.running(instance, fsync=False) as url:
        tell(url, "CREATE TABLE kept AS SELECT 7 AS seven")
    with embedded.running(instance, fsync=False) as url:
        assert ask(url, "SELECT seven FROM kept") == 7


def test_the_killed_last_user_stops_the_server(instance: Path, place: Place) -> None:
    users = [ServerUser(instance), ServerUser(instance)]
    for user in users:
        user.url()
    for user in users:
        user.kill()
    eventually(lambda: postmaster_pid(place.data) is None)
    eventually(lambda: not processes_mentioning(str(instance)))


def test_a_killed_postmaster_is_replaced_at_the_next_start(instance: Path, place: Place) -> None:
    user = ServerUser(instance)
    tell(user.url(), "CREATE TABLE kept AS SELECT 7 AS seven")
    pid = postmaster_pid(place.data)
    assert pid is not None
    kill_nine(pid)
    with embedded.running(instance, fsync=False) as url:
        assert ask(url, "SELECT seven FROM kept") == 7
    user.leave()


def test_a_kill_of_everything_is_survived(instance: Path, place: Place) -> None:
    user = ServerUser(instance)
    tell(user.url(), "CREATE TABLE kept AS SELECT 7 AS seven")
    user.kill()
    kill_nine(*processes_mentioning(str(instance)))
    with embedded.running(instance, fsync=False) as url:
        assert ask(url, "SELECT seven FROM kept") == 7
    assert postmaster_pid(place.data) is None


def test_a_killed_watcher_is_replaced(instance: Path, place: Place) -> None:
    with embedded.running(instance, fsync=False):
        watchers = [pid for pid, arguments in processes_mentioning(str(instance)).items() if "watcher.py" in arguments]
        kill_nine(*watchers)
        later = ServerUser(instance)
        later.url()
    assert len(watchers) == 1
    later.kill()
    eventually(lambda: postmaster_pid(place.data) is None)


def test_six_first_starts_at_once_make_one_server(instance: Path, place: Place) -> None:
    shutil.rmtree(instance)
    users = [ServerUser(instance) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        urls = set(pool.map(ServerUser.url, users))
    assert len(urls) == 1
    watchers = [arguments for arguments in processes_mentioning(str(instance)).values() if "watcher.py" in arguments]
    assert len(watchers) == 1
    for user in users:
        user.kill()
    eventually(lambda: postmaster_pid(place.data) is None)


def ours_in(folder: Path) -> set[str]:
    """What may be of an embedded server there; other tests make folders of their own meanwhile."""
    names = {path.name for path in folder.iterdir()} if folder.exists() else set()
    return {name for name in names if "donate" in name and not name.startswith("donate-test-")}


def test_nothing_of_the_machine_is_changed(instance: Path) -> None:
    watched = [instance.parent, *instance.parents, Path("/etc/passwd"), Path("/etc/group"), Path.home()]
    before = [(path, path.stat().st_mode, path.stat().st_uid) for path in watched]
    accounts = Path("/etc/passwd").read_bytes()
    temporary = ours_in(Path("/tmp"))
    with embedded.running(instance, fsync=False):
        assert ours_in(Path("/tmp")) == temporary
    assert [(path, path.stat().st_mode, path.stat().st_uid) for path in watched] == before
    assert Path("/etc/passwd").read_bytes() == accounts
    assert [path.name for path in instance.iterdir()] == ["postgres"]


def test_a_deep_instance_folder_gets_a_short_socket_that_goes_away(instance: Path) -> None:
    deep = instance / ("深" * 30) / ("x" * 60)
    with embedded.running(deep, fsync=False) as url:
        assert ask(url, "SELECT 1") == 1
        folder = place_for(deep, is_throwaway=True).socket_folder
        assert folder.parent == Path("/tmp")
        assert folder.stat().st_mode & 0o077 == 0
    eventually(lambda: not folder.exists())


def test_a_path_with_spaces_and_quotes_works(instance: Path) -> None:
    with embedded.running(instance / "it's 中 x", fsync=False) as url:
        assert ask(url, "SELECT 1") == 1


def test_settings_reach_the_server(instance: Path) -> None:
    with embedded.running(instance, fsync=False, settings={"work_mem": "7MB", "max_connections": "17"}) as url:
        assert ask(url, "SELECT current_setting('work_mem')") == "7MB"
        assert ask(url, "SELECT current_setting('timezone')") == "UTC"
        assert ask(url, "SELECT current_setting('listen_addresses')") == ""


def test_a_refused_start_is_one_sentence_with_the_servers_reason(instance: Path) -> None:
    wrong = embedded.running(instance, fsync=False, settings={"max_connections": "none"})
    with pytest.raises(embedded.EmbeddedFailed, match="max_connections"), wrong:
        pass


def test_a_strangers_pid_in_the_pid_file_does_not_stop_a_start(instance: Path, place: Place) -> None:
    with embedded.running(instance, fsync=False):
        pass
    stranger = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    (place.data / "postmaster.pid").write_text(f"{stranger.pid}\n{place.data}\n")
    with embedded.running(instance, fsync=False) as url:
        assert ask(url, "SELECT 1") == 1
    stranger.communicate()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another uid")
def test_under_root_the_server_owns_its_data_directory_and_nothing_else(instance: Path, place: Place) -> None:
    with embedded.running(instance, fsync=False):
        pid = postmaster_pid(place.data)
        status = Path(f"/proc/{pid}/status").read_text()
        owners = {path.stat().st_uid for path in place.data.rglob("*")}
    assert f"Uid:\t{place.uid}" in status
    assert "Groups:\t \n" in status
    assert owners == {place.uid}
    assert place.data.parent.stat().st_uid == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another uid")
def test_under_root_a_closed_folder_keeps_its_mode_and_the_data_go_elsewhere(instance: Path) -> None:
    closed = instance.parent / "closed"
    closed.mkdir(mode=0o700)
    with embedded.running(closed / "instance", fsync=False) as url:
        assert ask(url, "SELECT 1") == 1
        place = place_for(closed / "instance", is_throwaway=True)
        assert not place.data.is_relative_to(closed)
    assert closed.stat().st_mode & 0o777 == 0o700
    shutil.rmtree(place.folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another uid")
def test_under_root_a_closed_folder_has_one_place_elsewhere_and_says_where(
    instance: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = instance.parent / "elsewhere"
    monkeypatch.setattr("donate.db.embedded_place.ELSEWHERE", elsewhere)
    closed = instance.parent / "closed"
    closed.mkdir(mode=0o700)
    around = [Path("/"), Path("/etc"), Path("/tmp"), Path("/var"), Path("/var/lib"), Path.home()]
    before = [ours_in(folder) for folder in around]
    with embedded.running(closed / "instance") as url:
        assert ask(url, "SELECT 1") == 1
        assert [ours_in(folder) for folder in around] == before
    assert [ours_in(folder) for folder in around] == before
    (place,) = elsewhere.iterdir()
    assert place_for(closed / "instance").data == place / "data"
    assert [path.name for path in (closed / "instance").iterdir()] == ["postgres"]
    assert (closed / "instance" / "postgres" / "ELSEWHERE").read_text() == f"{place}\n"
    assert f"its data are in {place}" in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another uid")
def test_under_root_unreadable_programs_are_copied(instance: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = programs.programs().parent.parent
    closed = instance.parent / "closed"
    closed.mkdir(mode=0o700)
    for part in (wheel, wheel.with_name(wheel.name + ".libs")):
        (closed / part.name).symlink_to(part)
    monkeypatch.setattr("donate.db.embedded_place.programs", lambda: closed / wheel.name / "pginstall18" / "bin")
    monkeypatch.setattr("donate.db.embedded_place.ELSEWHERE", instance.parent / "elsewhere")
    with embedded.running(instance, fsync=False) as url:
        assert ask(url, "SELECT 1") == 1
        assert place_for(instance).bin.is_relative_to(instance.parent / "elsewhere")


def test_without_the_wheel_the_answer_names_the_setting(instance: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "find_spec", lambda name: None)
    programs.programs.cache_clear()
    with pytest.raises(embedded.NoPrograms, match="DONATE_DATABASE_URL"), embedded.running(instance):
        pass
    programs.programs.cache_clear()


def test_the_programs_of_the_wheel_are_found() -> None:
    for name in ("psql", "pgbench", "pg_dump", "pg_restore", "pg_basebackup"):
        assert os.access(programs.program(name), os.X_OK)


def assert_a_starter_killed_after(seconds: float, instance: Path, place: Place) -> None:
    user = ServerUser(instance)
    time.sleep(seconds)
    user.kill()
    eventually(lambda: not processes_mentioning(str(instance)))
    with embedded.running(instance, fsync=False) as url:
        assert ask(url, "SELECT 1") == 1
    assert postmaster_pid(place.data) is None


def test_a_killed_starter_leaves_no_server_behind(instance: Path, place: Place) -> None:
    user = ServerUser(instance)
    eventually(lambda: postmaster_pid(place.data) is not None)
    user.kill()
    eventually(lambda: not processes_mentioning(str(instance)))
    with embedded.running(instance, fsync=False) as url:
        assert ask(url, "SELECT 1") == 1


@pytest.mark.long
@pytest.mark.parametrize("hundredths", range(0, 200, 2))
def test_a_starter_killed_at_any_moment_leaves_no_server_behind(instance: Path, place: Place, hundredths: int) -> None:
    if hundredths % 4:
        shutil.rmtree(instance)
    assert_a_starter_killed_after(0.3 + hundredths / 100, instance, place)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100))
def test_random_kills_never_leave_a_server_behind_nor_lose_what_was_committed(
    instance: Path, place: Place, seed: int
) -> None:
    chance = random.Random(seed)
    with embedded.running(instance, fsync=False) as url:
        tell(url, "CREATE TABLE written (n int PRIMARY KEY)")
    for round_number in range(4):
        users = [ServerUser(instance) for _ in range(chance.randint(1, 6))]
        if chance.random() < 0.7:
            tell(users[0].url(), f"INSERT INTO written VALUES ({round_number})")
            written = True
        else:
            written = False
        victims = list(processes_mentioning(str(instance)))
        for pid in chance.sample(victims, chance.randint(1, len(victims))):
            with suppress(ProcessLookupError):
                kill_nine(pid)
        for user in users:
            user.kill()
        with embedded.running(instance, fsync=False) as url:
            assert ask(url, f"SELECT count(*) FROM written WHERE n = {round_number}") == int(written)
    eventually(lambda: postmaster_pid(place.data) is None)
    eventually(lambda: not processes_mentioning(str(instance)))
