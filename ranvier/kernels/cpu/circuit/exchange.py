"""Spikes of a slice between processes: each writes a message of its own, and lists those of all cells in order.

A message holds how long it is, how many spikes each population had in each step, and the cells. All are equally long, so that
one round is enough; where a process had more to say, each of them knows it from what it got, and all send once more with
more room.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

import torch

from ranvier.kernels.cpu.host.routine import Routine
from ranvier.kernels.cpu.host.signature import Array, Signature
from ranvier.kernels.cpu.llvm.functions import I32, I64, at, counted, local, offset, when

if TYPE_CHECKING:
    from ranvier.kernels.cpu.circuit.pack import Packed
    from ranvier.kernels.tasks import Exchange

__all__ = ["Messages"]

Tensor = torch.Tensor
#: whole numbers of a message beside its counts, to begin with
_ROOM = 256
_LISTS = {"lists": Array(I64, "populations"), "bounds": Array(I64, "populations")}


class Messages:
    """The messages of a run: ``packed`` are the populations whose spikes are exchanged, ``every`` so many steps."""

    def __init__(self, exchange: Exchange, packed: Mapping[str, Packed]) -> None:
        self.exchange, self.packed = exchange, {n: p for n, p in packed.items() if n in exchange.ranges}
        count = len(self.packed)
        #: the processes in the order of their cells, for each population
        turns = [sorted(range(len(r)), key=r.__getitem__) for n, r in exchange.ranges.items() if n in self.packed]
        self.turns = torch.tensor(turns, dtype=torch.int64).reshape(count, -1)
        self.given = {"lists": _addresses([p.cell[0] for p in self.packed.values()]), "populations": count}
        self.given["bounds"] = _addresses([p.bounds[0] for p in self.packed.values()])
        self.room = 1 + count * exchange.every + _ROOM
        self.tops = torch.zeros(self.turns.shape[1], dtype=torch.int64)

    def exchanged(self, begin: int, end: int) -> None:
        """Complete the lists of the steps [begin, end), which hold own spikes so far."""
        if not self.packed:
            return
        while True:
            own = torch.empty(self.room, dtype=torch.int32)
            _write().run(**self.given, message=own, room=self.room, begin=begin, end=end)
            found = torch.stack(self.exchange.gather(own))
            longest = int(found[:, 0].max())
            if longest <= self.room:
                break
            self.room = 1 << (longest - 1).bit_length()
        given = {"messages": found, "turns": self.turns, "tops": self.tops}
        _read().run(**self.given, **given, room=self.room, processes=len(found), begin=begin, end=end)


def _addresses(tensors: Sequence[Tensor]) -> Tensor:
    return torch.tensor([t.data_ptr() for t in tensors], dtype=torch.int64)


@cache
def _write() -> Routine:
    """The message of this process; one that has no room says how long it would be."""
    f = Signature({**_LISTS, "message": Array(I32, "room")}, ("populations", "room", "begin", "end")).open(
        "write_spikes"
    )
    b, message, begin, end, room = f.builder, f["message"], f["begin"], f["end"], f["room"]
    steps = b.sub(end, begin)
    top = local(b, b.add(b.mul(f["populations"], steps), I64(1)))
    with counted(b, 0, f["populations"]) as k:
        spikes, bounds = (
            b.inttoptr(b.load(at(b, f[table], k)), kind.as_pointer())
            for table, kind in (("lists", I32), ("bounds", I64))
        )
        with counted(b, begin, end) as n:
            start, stop = b.load(at(b, bounds, n)), b.load(at(b, bounds, b.add(n, I64(1))))
            count, place = b.sub(stop, start), b.load(top)
            said = b.add(b.add(b.mul(k, steps), I64(1)), b.sub(n, begin))
            b.store(b.trunc(count, I32), at(b, message, said))
            following = b.add(place, count)
            with when(b, b.icmp_signed("<=", following, room)), counted(b, 0, count) as s:
                b.store(b.load(at(b, spikes, b.add(start, s))), at(b, message, b.add(place, s)))
            b.store(following, top)
    b.store(b.trunc(b.load(top), I32), message)
    return f.compile()


@cache
def _read() -> Routine:
    """The spikes of all processes in the order of steps and cells; ``tops`` say how far each message is read."""
    arrays = {"messages": Array(I32, "processes", "room"), "turns": Array(I64, "populations", "processes")}
    arrays |= {"tops": Array(I64, "processes")}
    f = Signature({**_LISTS, **arrays}, ("populations", "processes", "room", "begin", "end")).open("read_spikes")
    b, messages, begin, end, tops = f.builder, f["messages"], f["begin"], f["end"], f["tops"]
    steps, processes = b.sub(end, begin), f["processes"]
    with counted(b, 0, processes) as r:
        b.store(b.add(b.mul(f["populations"], steps), I64(1)), at(b, tops, r))
    with counted(b, 0, f["populations"]) as k:
        spikes, bounds = (
            b.inttoptr(b.load(at(b, f[table], k)), kind.as_pointer())
            for table, kind in (("lists", I32), ("bounds", I64))
        )
        with counted(b, begin, end) as n:
            fill = local(b, b.load(at(b, bounds, n)))
            said = b.add(b.add(b.mul(k, steps), I64(1)), b.sub(n, begin))
            with counted(b, 0, processes) as turn:
                r = b.load(at(b, f["turns"], b.add(b.mul(k, processes), turn)))
                message = at(b, messages, b.mul(r, f["room"]))
                count, top, place = offset(b, b.load(at(b, message, said))), b.load(at(b, tops, r)), b.load(fill)
                with counted(b, 0, count) as s:
                    b.store(b.load(at(b, message, b.add(top, s))), at(b, spikes, b.add(place, s)))
                b.store(b.add(top, count), at(b, tops, r))
                b.store(b.add(place, count), fill)
            b.store(b.load(fill), at(b, bounds, b.add(n, I64(1))))
    return f.compile()
