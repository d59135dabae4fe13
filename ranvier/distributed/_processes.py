"""The processes that run one network together: the cells of each, and their messages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch

from ranvier.errors import ProcessError

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup

__all__ = ["Processes"]

Tensor = torch.Tensor
#: cells that stay together: random numbers are drawn for so many, and a word of bits holds so many
_UNIT = 64
#: numbers of a digest
_DIGEST = 32


class Processes:
    """``count`` processes that run one network together; this is process ``rank``, as :func:`join` gives it.

    Each process holds a contiguous block of cells of every population, in units of 64 cells, and their incoming synapses.

    Attributes
    ----------
    rank
        Number of this process, from 0.
    count
        Number of processes.

    >>> processes = rv.distributed.join()
    >>> processes.rank, processes.count
    (0, 1)
    """

    def __init__(self, rank: int = 0, count: int = 1, group: ProcessGroup | None = None) -> None:
        self.rank, self.count, self._group = rank, count, group

    def __deepcopy__(self, memo: dict[int, Any]) -> Processes:
        """A copy of a network has the same processes."""
        return self

    def __repr__(self) -> str:
        return f"Processes(rank={self.rank}, count={self.count})"

    def ranges(self, place: int, cells: int) -> tuple[tuple[int, int], ...]:
        """First and last cell of each process, of the ``cells`` cells of the population number ``place``.

        The first block of the next population belongs to the next process, so that small populations are spread.
        """
        units, out = -(-cells // _UNIT), [(0, 0)] * self.count
        borders = [min(units * k // self.count * _UNIT, cells) for k in range(self.count + 1)]
        for k, ends in enumerate(pairwise(borders)):
            out[(k + place) % self.count] = ends
        return tuple(out)

    def gather(self, own: Tensor) -> list[Tensor]:
        """``own`` of every process, in their order; equal in dtype and shape.

        Raises
        ------
        ProcessError
            Where a process has ended, or does not answer within the time limit.
        """
        from torch.distributed import all_gather  # slow to import, and needed by few

        out = [torch.empty_like(own) for _ in range(self.count)]
        self._together(lambda: all_gather(out, own, self._group))
        return out

    def wholly(self, own: Sequence[int]) -> list[list[int]]:
        """Whole numbers of every process; as many of each."""
        return [row.tolist() for row in self.gather(torch.tensor(own, dtype=torch.int64))]

    def span(self, least: int, most: int) -> tuple[int, int]:
        """The least and the greatest number of all processes."""
        lows, highs = zip(*self.wholly((least, most)), strict=True)
        return min(lows), max(highs)

    def of_first(self, value: int) -> int:
        """The whole number that process 0 has."""
        return self.wholly([value])[0][0]

    def agree(self, digests: dict[str, bytes], where: str) -> None:
        """Compare SHA-256 ``digests`` of what must be the same in all processes, by what each is of.

        Raises
        ------
        ProcessError
            Naming the first that differs, and the processes.
        """
        own = torch.frombuffer(bytearray(b"".join(digests.values())), dtype=torch.uint8)
        sizes = self.wholly([len(own)])
        if any(size != sizes[0] for size in sizes):
            raise ProcessError(f"{where}: the networks of the processes have different parts. {_SAME}")
        found = [row.reshape(-1, _DIGEST) for row in self.gather(own)]
        for k, name in enumerate(digests):
            others = [r for r, rows in enumerate(found) if not torch.equal(rows[k], found[0][k])]
            if others:
                raise ProcessError(
                    f"{where}: {name} differs between process 0 and process {', '.join(map(str, others))}. {_SAME}"
                )

    def _together(self, action: Callable[[], Any]) -> None:
        try:
            action()
        except RuntimeError as error:
            raise ProcessError(
                f"process {self.rank} of {self.count} cannot reach the others: one of them has ended, or did not answer within the "
                f"time limit. Look for the error of that process; if it only needs more time, raise limit in rv.distributed.join(limit=…)."
            ) from error


_SAME = "Every process must run the same script with the same seeds, numbers and files."
