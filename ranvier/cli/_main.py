"""From arguments to a command and an exit status."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import wraps
from inspect import signature
from typing import Any

import tyro
from rich.console import Console
from rich.table import Table

from ranvier import __version__
from ranvier.cli._commands import COMMANDS, SIMULATIONS, Command
from ranvier.errors import RanvierError

__all__ = ["main"]

#: options that are not a size, a time or a number of tries
_MAY_BE_NOUGHT = {"seed", "controls"}
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
        _overview(COMMANDS, "usage: ranvier COMMAND [options]    ranvier COMMAND --help    ranvier --version")
        return _OK if words else _MISUSED
    if words[0] == "--version":
        Console().print(f"ranvier {__version__}", highlight=False)
        return _OK
    if words[0] != "simulate":
        return _run(COMMANDS, words[0], words[1:], "ranvier")
    if len(words) == 1 or words[1] in ("-h", "--help"):
        _overview(SIMULATIONS, "usage: ranvier simulate NAME [options]    ranvier simulate NAME --help")
        return _OK if len(words) > 1 else _MISUSED
    return _run(SIMULATIONS, words[1], words[2:], "ranvier simulate")


def _run(commands: Mapping[str, Command], name: str, options: list[str], program: str) -> int:
    errors = Console(stderr=True)
    if name not in commands:
        near = get_close_matches(name, commands, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(commands)}"
        errors.print(f"{program}: no command {name!r}; {hint}", highlight=False, markup=False)
        return _MISUSED
    try:
        function = _sound(commands[name].load())
        tyro.cli(function, prog=f"{program} {name}", description=commands[name].summary, args=options)
    except RanvierError as error:
        errors.print(f"{program} {name}: {error}", highlight=False, markup=False)
        return _FAILED
    except KeyboardInterrupt:
        errors.print(f"{program} {name}: interrupted", highlight=False, markup=False)
        return _INTERRUPTED
    return _OK


def _sound(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which refuses numbers that make no sense for any command: a size or a time must be above 0."""

    @wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        for name, value in signature(function).bind(*args, **kwargs).arguments.items():
            nought = name in _MAY_BE_NOUGHT
            if (
                isinstance(value, int | float)
                and not isinstance(value, bool)
                and not (value > 0 or (nought and value == 0))
            ):
                raise RanvierError(f"--{name} {value:g} must be {'0 or more' if nought else 'above 0'}.")
        return function(*args, **kwargs)

    return checked


def _overview(commands: Mapping[str, Command], usage: str) -> None:
    table = Table(box=None, show_header=False, padding=(0, 2))
    for name, command in commands.items():
        table.add_row(f"[bold]{name}", command.summary)
    if commands is COMMANDS:
        table.add_row("[bold]simulate", f"Run a circuit and write a report: {', '.join(SIMULATIONS)}.")
    console = Console()
    console.print(f"{usage}\n", markup=False)
    console.print(table)
