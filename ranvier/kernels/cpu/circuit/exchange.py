"""Spikes of a slice between processes: each writes a message of its own, and lists those of all cells in order.

A message holds how long it is, how many spikes each population had in each step, and the cells. All are equally long, so that
one round is enough; where a process had more to say, each of them knows it from what it got, and all send once more with
more room.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

import torch

from ranvier.kernels.cpu.circuit.pack import addresses_of
from ranvier.kernels.cpu.host.routine import Routine
from ranvier.kernels.cpu.host.signature import Array, Signature
from ranvier.kernels.cpu.llvm.functions import I32, I64, at, counted, local, offset, pointed, when

if TYPE_CHECKING:
    from ranvier.kernels.cpu.circuit.packed import Packed
    from ranvier.kernels.tasks import Exchange

__all__ = ["Messages"]

Tensor = torch.Tensor
#: whole numbers of a message beside its counts, to begin with
_ROOM = 256
_LISTS = {"lists": Array(I64, "populations"), "bounds": Array(I64, "populations"), "span": Array(I64, 2)}


class Messages:
    """The messages of a run: ``packed`` are the populations whose spikes are exchanged, ``every`` so many steps."""

    def __init__(self, exchange: Exchange, packed: Mapping[str, Packed]) -> None:
        self.exchange, self.packed = exchange, {n: p for n, p in packed.items() if n in exchange.ranges}
        count = len(self.packed)
        #: the processes in the order of their cells, for each population
        turns = [sorted(range(len(r)), key=r.__getitem__) for r in map(exchange.ranges.__getitem__, self.packed)]
        self.turns = torch.tensor(turns, dtype=torch.int64).reshape(count, -1)
        self.tops, self.span = torch.zeros(self.turns.shape[1], dtype=torch.int64), torch.zeros(2, dtype=torch.int64)
        self.lists = addresses_of([p.cell[0] for p in self.packed.values()])
        self.bounds = addresses_of([p.bounds[0] for p in self.packed.values()])
        self._open(1 + count * exchange.every + _ROOM)

    def _open(self, room: int) -> None:
        """Messages of so many whole numbers."""
        processes = self.turns.shape[1]
        self.room, self.own = room, torch.zeros(room, dtype=torch.int32)
        self.found = torch.zeros(processes, room, dtype=torch.int32)
        given = {"lists": self.lists, "bounds": self.bounds, "span": self.span, "populations": len(self.packed)}
        self._write = _write().prepared(**given, message=self.own, room=room)
        read = {"messages": self.found, "turns": self.turns, "tops": self.tops, "processes": processes}
        self._read = _read().prepared(**given, **read, room=room)

    def exchanged(self, begin: int, end: int) -> None:
        """Complete the lists of the steps [begin, end), which hold own spikes so far."""
        if not self.packed:
            return
        self.span.numpy()[:] = begin, end
        while True:
            self._write()
            torch.stack(self.exchange.gather(self.own), out=self.found)
            longest = int(self.found.numpy()[:, 0].max())
            if longest <= self.room:
                break
            self._open(1 << (longest - 1).bit_length())
        self._read()


@cache
def _write() -> Routine:
    """The message of this process; one that has no room says how long it would be."""
    f = Signature({**_LISTS, "message": Array(I32, "room")}, ("populations", "room")).open("write_spikes")
    b, message, room = f.builder, f["message"], f["room"]
    begin, end = (b.load(at(b, f["span"], k)) for k in (0, 1))
    steps = b.sub(end, begin)
    top = local(b, b.add(b.mul(f["populations"], steps), I64(1)))
    with counted(b, 0, f["populations"]) as k:
        spikes, bounds = pointed(b, f["lists"], k, I32), pointed(b, f["bounds"], k, I64)
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
    f = Signature({**_LISTS, **arrays}, ("populations", "processes", "room")).open("read_spikes")
    b, messages, tops = f.builder, f["messages"], f["tops"]
    begin, end = (b.load(at(b, f["span"], k)) for k in (0, 1))
    steps, processes = b.sub(end, begin), f["processes"]
    with counted(b, 0, processes) as r:
        b.store(b.add(b.mul(f["populations"], steps), I64(1)), at(b, tops, r))
    with counted(b, 0, f["populations"]) as k:
        spikes, bounds = pointed(b, f["lists"], k, I32), pointed(b, f["bounds"], k, I64)
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
