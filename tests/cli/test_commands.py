"""Every command explains itself, and every known trouble is one line."""

import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from donate.cli.commands import COMMANDS, donate
from tests.cli.factories import free_port, run_donate

INNER = (
    *("organisation host", "organisation partner", "organisation licence"),
    *("user create", "user password", "user deactivate", "check ledger"),
)


@pytest.mark.parametrize("command", [*COMMANDS, *INNER])
def test_every_command_has_help_that_needs_no_setting_and_touches_nothing(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DONATE_WORKERS", "nonsense")
    answer = CliRunner().invoke(donate, [*command.split(), "--help"])
    assert answer.exit_code == 0
    assert len(answer.output.splitlines()) > 4
    assert not list(tmp_path.iterdir())


def test_the_list_names_every_command_but_the_parts_of_serve() -> None:
    listed = CliRunner().invoke(donate, ["--help"]).output
    assert all(f"\n  {command} " in listed for command in COMMANDS if command not in ("web", "trickle"))
    assert "\n  web " not in listed


def test_an_unknown_command_is_a_usage_error() -> None:
    assert CliRunner().invoke(donate, ["nonsense"]).exit_code == 2


def assert_one_line(said: str, *, naming: str) -> None:
    assert said.startswith("Error: "), said
    assert len(said.strip().splitlines()) == 1, said
    assert naming in said


def test_a_bad_setting_is_named_in_one_line() -> None:
    done = run_donate("migrate", DONATE_WORKERS="many")
    assert done.returncode == 1
    assert_one_line(done.stderr, naming="DONATE_WORKERS: 'many' is no whole number")


def test_a_database_address_of_another_kind_is_named_in_one_line() -> None:
    done = run_donate("migrate", DONATE_DATABASE_URL="mysql://nobody@127.0.0.1/x")
    assert_one_line(done.stderr, naming="DONATE_DATABASE_URL")


def test_a_server_that_does_not_answer_is_named_without_its_password() -> None:
    done = run_donate("serve", DONATE_DATABASE_URL=f"postgresql://li:secret@127.0.0.1:{free_port()}/x")
    assert done.returncode == 1
    assert_one_line(done.stderr, naming="Connection refused")
    assert "secret" not in done.stderr


def test_a_missing_database_is_named_in_one_line(server_url: str) -> None:
    done = run_donate("check", "ledger", DONATE_DATABASE_URL=server_url.replace("/donate?", "/nowhere?"))
    assert_one_line(done.stderr, naming='database "nowhere" does not exist')


def test_an_empty_database_is_told_to_be_migrated(server_url: str) -> None:
    done = run_donate("worker", DONATE_DATABASE_URL=server_url)
    assert_one_line(done.stderr, naming="run: donate migrate")


def test_a_taken_port_is_named_in_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = run_donate("serve", "--port", port)
    assert done.returncode == 1
    assert_one_line(done.stderr, naming=f"Port {port} on 127.0.0.1 is taken")


def test_an_address_of_another_machine_is_named_in_one_line() -> None:
    assert_one_line(run_donate("serve", "--host", "203.0.113.9").stderr, naming="cannot listen on 203.0.113.9")
