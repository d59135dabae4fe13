"""From arguments to a command and an exit status."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from difflib import get_close_matches

import tyro
from rich.console import Console
from rich.table import Table

from ranvier import __version__
from ranvier.cli._commands import COMMANDS
from ranvier.errors import RanvierError

__all__ = ["main"]

_OK, _FAILED, _MISUSED, _INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status: 0 done, 1 failed, 2 misused, 130 interrupted.

    Parameters
    ----------
    arguments
        The words after the program's name; taken from the process when left out.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help"):
        _overview()
        return _OK if words else _MISUSED
    if words[0] == "--version":
        Console().print(f"ranvier {__version__}", highlight=False)
        return _OK
    return _run(words[0], words[1:])


def _run(name: str, options: list[str]) -> int:
    errors = Console(stderr=True)
    if name not in COMMANDS:
        near = get_close_matches(name, COMMANDS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(COMMANDS)}"
        errors.print(f"ranvier: no command {name!r}; {hint}", highlight=False, markup=False)
        return _MISUSED
    try:
        tyro.cli(COMMANDS[name].load(), prog=f"ranvier {name}", description=COMMANDS[name].summary, args=options)
    except RanvierError as error:
        errors.print(f"ranvier {name}: {error}", highlight=False, markup=False)
        return _FAILED
    except KeyboardInterrupt:
        errors.print(f"ranvier {name}: interrupted", highlight=False, markup=False)
        return _INTERRUPTED
    return _OK


def _overview() -> None:
    table = Table(box=None, show_header=False, padding=(0, 2))
    for name, command in COMMANDS.items():
        table.add_row(f"[bold]{name}", command.summary)
    console = Console()
    console.print("usage: ranvier COMMAND [options]    ranvier COMMAND --help    ranvier --version\n", markup=False)
    console.print(table)
