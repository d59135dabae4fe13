"""From arguments to a command and an exit status."""

from __future__ import annotations

import atexit
import gc
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from functools import wraps
from inspect import signature
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import tyro
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ranvier import __version__
from ranvier.cli.commands import COMMANDS, RECIPES, SIMULATIONS, Command, recipe
from ranvier.errors import RanvierError
from ranvier.recipes import names
from ranvier.recipes.parts.output import prepare

__all__ = ["main"]

#: options that are not a size, a time or a number of tries
_MAY_BE_NOUGHT = {"seed", "seeds", "controls"}
#: whole numbers of a command fit into 63 bits, those of a seed too
_LARGEST = 2**63 - 1
#: the shortest time that an option of this name may have
_TIMES = {"seconds": 0.001, "duration": 0.1, "memory": 0.001, "step": 0.0001}
_OK, _FAILED, _MISUSED, _INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status: 0 done, 1 failed, 2 misused, 130 interrupted.

    Parameters
    ----------
    arguments
        The words after the program's name; taken from the process when left out.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # the terminal shows a question mark for signs that it lacks
            stream.reconfigure(errors="replace")
    if arguments is None:  # commands close what they open, so the end of the process skips garbage collection
        atexit.register(gc.freeze)
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help"):
        _overview(COMMANDS, "usage: ranvier COMMAND [options]    ranvier COMMAND --help    ranvier --version")
        return _OK if words else _MISUSED
    if words[0] == "--version":
        Console().print(f"ranvier {__version__}", highlight=False)
        return _OK
    if words[0] == "recipes":
        return _recipes(words[1:])
    if words[0] != "simulate":
        return _run(COMMANDS, words[0], words[1:], "ranvier")
    if len(words) == 1 or words[1] in ("-h", "--help"):
        _overview(SIMULATIONS, "usage: ranvier simulate NAME [options]    ranvier simulate NAME --help")
        return _OK if len(words) > 1 else _MISUSED
    return _run(SIMULATIONS, words[1], words[2:], "ranvier simulate")


def _recipes(words: list[str]) -> int:
    """``ranvier recipes``: the list, or ``list``, ``table`` and ``run NAME``."""
    if not words or words[0] == "--json":
        return _run(RECIPES, "list", words, "ranvier recipes")
    runs = {name: SIMULATIONS.get(name, recipe(name)) for name in names}
    if words[0] in ("-h", "--help"):
        _overview(
            {**RECIPES, **runs},
            "usage: ranvier recipes [list | table | run NAME] [options]    ranvier recipes run NAME --help",
        )
        return _OK
    if words[0] != "run":
        return _run({**RECIPES, "run": recipe("")}, words[0], words[1:], "ranvier recipes")
    if len(words) == 1 or words[1] in ("-h", "--help"):
        _overview(runs, "usage: ranvier recipes run NAME [options]    ranvier recipes run NAME --help")
        return _OK if len(words) > 1 else _MISUSED
    return _run(runs, words[1], words[2:], "ranvier recipes run")


def _run(commands: Mapping[str, Command], name: str, options: list[str], program: str) -> int:
    errors = Console(stderr=True)
    if name not in commands:
        known = [*commands, *(["recipes", "simulate"] if commands is COMMANDS else [])]
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known)}"
        errors.print(f"{program}: no command {name!r}; {hint}", highlight=False, markup=False)
        return _MISUSED
    try:
        function = _sound(commands[name].load(options))
        tyro.cli(function, prog=f"{program} {name}", description=commands[name].summary, args=options)
    except RanvierError as error:
        errors.print(f"{program} {name}: {error}", highlight=False, markup=False)
        return _FAILED
    except KeyboardInterrupt:
        errors.print(f"{program} {name}: interrupted", highlight=False, markup=False)
        return _INTERRUPTED
    return _OK


def _sound(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function behind checks that hold for every command: numbers in range, no file in the place of a folder."""

    @wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        for name, value in signature(function).bind(*args, **kwargs).arguments.items():
            for part, number in _numbers(name, value):
                _check_number(part, number)
            if name == "out" and isinstance(value, Path):
                prepare(value)
        return function(*args, **kwargs)

    return checked


def _numbers(name: str, value: Any) -> Iterator[tuple[str, float]]:
    """The numbers in an option, or in each option of a group of options."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        yield name, value
    elif isinstance(value, tuple):
        yield from ((name, v) for v in value if isinstance(v, int | float))
    elif is_dataclass(value):
        for f in fields(value):
            yield from _numbers(f.name, getattr(value, f.name))


def _check_number(name: str, value: float) -> None:
    nought = name in _MAY_BE_NOUGHT
    if not (value > 0 or (nought and value == 0)):
        raise RanvierError(f"--{name} {value:g} must be {'0 or more' if nought else 'above 0'}.")
    if value > _LARGEST:
        raise RanvierError(f"--{name} {value:g} is too large: give at most {_LARGEST:,}.")
    if name in _TIMES and value < _TIMES[name]:
        raise RanvierError(f"--{name} {value:g} is shorter than any step or window: give {_TIMES[name]:g} or more.")


def _overview(commands: Mapping[str, Command], usage: str) -> None:
    table = Table(box=None, show_header=False, padding=(0, 2))
    for name, command in commands.items():
        table.add_row(Text(name, "bold"), Text(command.summary))
    if commands is COMMANDS:
        table.add_row(
            Text("recipes", "bold"), "List the reproductions of published results with their states, or run one."
        )
        table.add_row(Text("simulate", "bold"), f"Run the recipe of a circuit: {', '.join(SIMULATIONS)}.")
    console = Console()
    console.print(f"{usage}\n", markup=False)
    console.print(table)
