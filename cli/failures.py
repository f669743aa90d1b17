"""Errors as people and scripts see them: one line on stderr and an exit code."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Iterator
from enum import IntEnum

import typer

from unisearch.errors import (
    CheckpointError,
    EncoderMismatch,
    MissingExtra,
    StoreError,
    UnisearchError,
)


class ExitCode(IntEnum):
    """What the shell gets. Documented in docs/cli.md."""

    OK = 0
    NOTHING = 1
    USAGE = 2
    STORE = 3
    ENCODER = 4
    BUG = 70
    INTERRUPTED = 130


def exit_code(error: UnisearchError) -> ExitCode:
    """The code for an error that unisearch raised on purpose."""
    if isinstance(error, (CheckpointError, EncoderMismatch, MissingExtra)):
        return ExitCode.ENCODER
    if isinstance(error, StoreError):
        return ExitCode.STORE
    return ExitCode.USAGE


@contextlib.contextmanager
def reported() -> Iterator[None]:
    """Runs a command; what it raises becomes a message and an exit code."""
    try:
        with _warnings_shown():
            try:
                yield
            except typer.Exit:
                sys.stdout.flush()
                raise
            # Now, and not when Python exits: only here a closed pipe can be handled.
            sys.stdout.flush()
    except UnisearchError as error:
        complain(f"error: {error}")
        raise typer.Exit(exit_code(error)) from error
    except BrokenPipeError as error:
        # The reader (`| head`) has what it wanted. Python flushes stdout again on its way out:
        # into nothing, or it would print a traceback there.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(ExitCode.OK) from error
    except KeyboardInterrupt as error:
        complain("interrupted")
        raise typer.Exit(ExitCode.INTERRUPTED) from error
    except (typer.Exit, typer.Abort):
        raise
    except Exception as error:
        if hasattr(error, "exit_code"):  # the parser's own errors
            raise
        traceback.print_exc()
        complain("error: this is a bug in unisearch; please report it with the lines above")
        raise typer.Exit(ExitCode.BUG) from error


def complain(message: str) -> None:
    """Prints one message to stderr; a file's name in it cannot disturb the terminal."""
    from cli.show import printable

    typer.echo("\n".join(map(printable, message.split("\n"))), err=True)


@contextlib.contextmanager
def _warnings_shown() -> Iterator[None]:
    """Shows what the library logs as ``warning: …`` on stderr."""
    import logging

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            complain(f"{record.levelname.lower()}: {record.getMessage()}")

    handler = Handler(level=logging.WARNING)
    names = ("unisearch", "indexer")
    for name in names:
        logging.getLogger(name).addHandler(handler)
    try:
        yield
    finally:
        for name in names:
            logging.getLogger(name).removeHandler(handler)
