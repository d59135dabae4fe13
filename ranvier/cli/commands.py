"""The commands, each named by the function that runs it and imported only when chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from ranvier.errors import RanvierError

__all__ = ["COMMANDS", "RECIPES", "SIMULATIONS", "Command", "recipe"]


@dataclass(frozen=True)
class Command:
    """A command whose options are the parameters of ``function`` in ``module``.

    Where a ``recipe`` is named, ``function`` makes the command from that name and the words of the command line.
    """

    module: str
    function: str
    summary: str
    recipe: str = ""

    def load(self, words: Sequence[str] = ()) -> Callable[..., Any]:
        """Import the function.

        Raises
        ------
        RanvierError
            When a package that the command needs is not installed.
        """
        try:
            function = getattr(import_module(self.module), self.function)
            return function(self.recipe, words) if self.recipe else function
        except ModuleNotFoundError as error:
            remedy = (
                "install the package again"
                if (error.name or "").startswith("ranvier")
                else "install the extra that holds it, for example pip install 'ranvier[data]'"
            )
            raise RanvierError(f"this command needs {error.name!r}, which is not installed; {remedy}") from error


COMMANDS: dict[str, Command] = {
    "doctor": Command("ranvier.cli._doctor", "doctor", "Show versions, processor, kernel cache and what is missing."),
    "demo": Command("ranvier.cli.demo", "demo", "Train on digits and simulate a circuit."),
    "train": Command("ranvier.cli._train", "train", "Train a named model again and save it with its card."),
}

#: what ``ranvier recipes`` does beside running one
RECIPES: dict[str, Command] = {
    "list": Command(
        "ranvier.cli._recipes", "listed", "List the recipes with their papers and states; --json for programs."
    ),
    "table": Command("ranvier.cli._recipes", "tabulated", "Write the table of papers into docs/papers.md."),
}


def recipe(name: str, summary: str = "Run this recipe and write its page.") -> Command:
    """The command that runs a recipe."""
    return Command("ranvier.cli._recipes", "runner", summary, name)


#: the recipes of ``ranvier simulate``
SIMULATIONS: dict[str, Command] = {
    "brunel": recipe("brunel", "Regular, irregular, synchronous, asynchronous (Brunel 2000)."),
    "celegans": recipe("celegans", "Touch through the wiring of a worm's nervous system."),
    "coba_cuba": recipe("coba_cuba", "Two benchmarks of simulators (Brette et al. 2007)."),
    "learn_pattern": recipe("learn_pattern", "2,000 cells learn when to fire, by gradient."),
    "microcircuit": recipe(
        "microcircuit",
        "Four layers of cortex (Potjans and Diesmann 2014), full size with --scale 1.",
    ),
    "one_model": recipe("one_model", "One circuit: simulated, trained on trials, simulated again."),
    "polychrony": recipe("polychrony", "Groups that delays and STDP make (Izhikevich 2006)."),
    "recover_weights": recipe("recover_weights", "Weights of a circuit from its spikes alone."),
    "reservoir": recipe("reservoir", "Memory of a circuit whose inhibition balances itself."),
    "ring_attractor": recipe("ring_attractor", "A bump of activity that remembers a direction."),
    "scaling": recipe("scaling", "Time and memory over cells, synapses and steps."),
    "song2000": recipe("song2000", "Synapses compete and end weak or strong (Song et al. 2000)."),
}
