"""A compiled kernel that takes its arguments by name, and checks each array before its address is taken.

What turns arguments into the tables of a call is written once for every kernel, as a function of Python with a parameter for
each argument: a call costs little more than reading the addresses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import torch

from ranvier.kernels.cpu.host.checked import Check
from ranvier.kernels.cpu.llvm.jit import Kernel, packer
from ranvier.kernels.pool import run_tiles

if TYPE_CHECKING:
    from ranvier.kernels.cpu.host.signature import Signature

__all__ = ["Routine", "run_over"]

Tables = tuple[Sequence[int], Sequence[int], Sequence[float]]


class Routine:
    """A kernel with its signature; ``dtype`` is that of its own numbers."""

    def __init__(self, kernel: Kernel, signature: Signature, dtype: torch.dtype | None) -> None:
        self.kernel, self.signature, self.dtype = kernel, signature, dtype

    def over(self, spans: Sequence[tuple[int, int]], **given: Any) -> None:
        """Run for each ``(start, stop)``, on as many threads as torch uses; arguments are checked once, as in :attr:`run`."""
        run_over(self, spans, self.pack(start=0, stop=0, **given))

    @property
    def checks(self) -> dict[str, Check]:
        """How each array is checked."""
        return self.signature.checks(self.dtype)

    @cached_property
    def run(self) -> Callable[..., None]:
        """Runs to the end, with all arguments by name.

        Raises
        ------
        TypeError, ValueError
            A name is missing or unknown, or an array is of another type or shape, not contiguous, or not on the CPU.
        """
        tables = [f"t_{k}({', '.join(names)})" for k, names in enumerate(self._tables)]
        return self._written(f"kernel({', '.join(tables)})")

    @cached_property
    def pack(self) -> Callable[..., Tables]:
        """The three tables of a call, from arguments by name; raises as :attr:`run`."""
        return self._written(", ".join("(" + "".join(f"{n}, " for n in names) + ")" for names in self._tables))

    def prepared(self, **given: Any) -> Callable[[], None]:
        """The same call again and again, with its arguments checked once; what they point to may change in between."""
        tables = [packer(len(own), "qqd"[k])(*own) for k, own in enumerate(self.pack(**given))]
        return partial(self.kernel.run, *tables)

    @property
    def _tables(self) -> list[list[str]]:
        signature = self.signature
        return [[f"p_{n}" for n in signature.arrays], [*signature.integers], [*signature.reals]]

    @cached_property
    def words(self) -> Callable[..., list[int]]:
        """Pointers, each with its bytes per step, and then integers, as a schedule keeps them; raises as :attr:`run`."""
        signature = self.signature
        pairs = [word for n in signature.arrays for word in (f"p_{n}", f"s_{n}")]
        return self._written(f"[{', '.join([*pairs, *signature.integers])}]")

    def _written(self, result: str) -> Callable[..., Any]:
        lines = [f"def take(*, {', '.join(self.signature.places)}):"]
        known: dict[str, Any] = {"kernel": self.kernel.run}
        known |= {f"t_{k}": packer(len(names), "qqd"[k]) for k, names in enumerate(self._tables)}
        words = {n: n for n in self.signature.places}
        for n, check in self.checks.items():
            own, used = check.located(n, self.signature.arrays, words, "locals()")
            lines += own
            known |= used
        exec("\n".join([*lines, f"    return {result}"]), known)
        return known["take"]


def run_over(routine: Routine, spans: Sequence[tuple[int, int]], tables: Tables) -> None:
    """Run for each ``(start, stop)`` with the other arguments in ``tables``."""
    pointers, integers, floats = tables
    (_, first), (_, last) = (routine.signature.places[n] for n in ("start", "stop"))

    def task(k: int) -> None:
        numbers = [*integers]
        numbers[first], numbers[last] = spans[k]
        routine.kernel(pointers, numbers, floats)

    run_tiles(task, len(spans))
