"""The program as a whole: help, exit codes, pipes, signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cli.failures import exit_code
from cli.group import COMMANDS, LazyCommands
from tests.cli.conftest import hear_ctrl_c
from tests.shelf import Shelf
from unisearch import errors
from unisearch.version import __version__

Run = Callable[..., Any]
ROOT = Path(__file__).parents[2]
FAKE = [sys.executable, str(Path(__file__).with_name("fake_unisearch.py"))]


def program(*arguments: str, **settings: Any) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **settings.pop("env", {})}
    return subprocess.run(
        [*FAKE, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        **settings,
    )


def test_the_help_lists_every_command(run: Run) -> None:
    for flag in ("--help", "-h"):
        shown = run(flag).stdout
        for name in LazyCommands():
            assert f"  {name} " in shown
        assert "Exit codes: 0 found or done; 1 nothing found" in shown
    assert run().stdout.startswith("Usage:") or run().stderr.startswith("Usage:")


def test_the_table_of_the_help_agrees_with_the_commands() -> None:
    commands = LazyCommands()
    for name in commands:
        sentence = " ".join(commands[name].help.split("\n\n")[0].split())
        assert COMMANDS[name].help == sentence
        assert commands[name].name == name


def test_a_command_whose_module_is_missing_is_not_listed(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(COMMANDS, "status", COMMANDS["status"]._replace(module="cli.nowhere"))
    assert "  status " not in run("--help").stdout
    result = run("status")
    assert result.exit_code == 2
    assert "No such command 'status'" in result.stderr


def test_a_mistyped_command(run: Run) -> None:
    result = run("serch", "red")
    assert result.exit_code == 2
    assert "Did you mean 'search'?" in result.stderr


def test_version(run: Run) -> None:
    assert run("--version").stdout == f"unisearch {__version__}\n"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.QueryError("x"), 2),
        (errors.ConfigError("x"), 2),
        (errors.PictureError("empty", "x"), 2),
        (errors.NoCollection("x"), 3),
        (errors.DamagedStore("x"), 3),
        (errors.SchemaTooNew("x"), 3),
        (errors.CollectionBusy("x"), 3),
        (errors.StorageFull("x"), 3),
        (errors.ReadOnlyCollection("x"), 3),
        (errors.EncoderMismatch("x"), 4),
        (errors.CheckpointError("x"), 4),
        (errors.MissingExtra("x", "y"), 4),
    ],
)
def test_every_error_has_a_code(
    error: errors.UnisearchError, code: int, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    assert exit_code(error) == code
    monkeypatch.setattr("cli.options.open_collection", fail)
    result = run("status")
    assert result.exit_code == code
    assert result.stderr == f"error: {error}\n"
    assert result.stdout == ""


def test_a_bug_is_told_from_no_hits(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("cli.options.open_collection", fail)
    result = run("status")
    assert result.exit_code == 70
    assert "ZeroDivisionError: oh" in result.stderr
    assert "this is a bug in unisearch" in result.stderr


def test_an_interrupt(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cli.options.open_collection", interrupt)
    result = run("status")
    assert result.exit_code == 130
    assert result.stderr == "interrupted\n"


def test_as_a_program(shelf: Shelf) -> None:
    found = program("search", "red", "-m", "image", "-k", "1")
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout == "1.000  image  pictures/red.png\n"
    nothing = program("search", "red", "-p", "*.none")
    assert (nothing.returncode, nothing.stdout, nothing.stderr) == (1, "", "nothing found\n")
    wrong = program("search", "")
    assert (wrong.returncode, wrong.stdout) == (2, "")


@pytest.mark.parametrize(
    ("passages", "command"),
    [
        (1, ["list", "--json"]),
        (150, ["list", "--json"]),
        (1, ["why", "pictures/red.png", "blue", "-k", "1"]),
    ],
)
def test_a_reader_that_stops_early(shelf: Shelf, passages: int, command: list[str]) -> None:
    shelf.text("long.txt", *(f"word{n} " + "x" * 2000 for n in range(passages)))
    reader, writer = os.pipe()
    os.close(reader)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("PYTHONUNBUFFERED", None)  # else all is written at once
    done = subprocess.run(
        [*FAKE, *command],
        env=environment,
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_goes_to_stderr_cannot_disturb_a_terminal(run: Run, tmp_path: Path) -> None:
    result = run("status", "-c", tmp_path / "no\x1b[31mne")
    assert result.exit_code == 3
    assert "no\\x1b[31mne" in result.stderr
    assert "\x1b" not in result.stderr


def test_a_name_that_begins_with_a_tilde(shelf: Shelf, run: Run) -> None:
    shelf.text("~draft.txt", "a red bicycle")
    assert run("similar", "~draft.txt", "-m", "text", "-k", "1", "--paths").stdout == "notes.txt\n"
    assert run("why", "~draft.txt", "a red bicycle").exit_code == 0
    assert run("list", "-p", "~draft.txt", "--paths").stdout == "~draft.txt\n"
    assert run("index", "~draft.txt").exit_code == 0
    assert "there is no" in run("index", "~gone").stderr
    assert run("status", "-c", "~gone").exit_code == 3
    assert run("search", "red", "-e", "~gone").exit_code == 4
    assert run("search", "red", "-e", "open_clip:~gone").exit_code == 4


def test_a_terminal_gets_colours_and_its_width(shelf: Shelf) -> None:
    pty = pytest.importorskip("pty")
    master, slave = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "40", "TERM": "xterm"}
    environment.pop("NO_COLOR", None)
    subprocess.run(
        [*FAKE, "search", "sea", "-m", "text", "-k", "1"], env=environment, stdout=slave, check=True
    )
    os.close(slave)
    shown = os.read(master, 10_000).decode()
    os.close(master)
    assert "\x1b[1mnotes.txt:2\x1b[0m" in shown


def test_an_interrupted_program(tmp_path: Path) -> None:
    script = tmp_path / "slow.py"
    script.write_text(
        "import time, cli.options\n"
        "from cli.main import main\n"
        "def wait(*_, **__):\n"
        "    print('waiting', flush=True)\n"
        "    time.sleep(60)\n"
        "cli.options.open_collection = wait\n"
        "main()\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, str(script), "status"],
        env=environment,
        preexec_fn=hear_ctrl_c,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, complaint = process.communicate(timeout=30)
    assert (process.returncode, complaint) == (130, "interrupted\n")


def test_shell_completion() -> None:
    environment = {
        "_UNISEARCH_COMPLETE": "complete_bash",
        "COMP_WORDS": "unisearch s",
        "COMP_CWORD": "1",
    }
    found = program(env=environment)
    assert found.stdout.split() == ["search", "similar", "status"], found.stderr
