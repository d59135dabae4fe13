"""Spikes between processes: lists are completed in the order of steps and cells, whatever a message can hold."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from ranvier.kernels.cpu.circuit.exchange import Messages
from ranvier.kernels.tasks import Exchange, Spikes
from tests.network.processes.together import Meeting

RANGES = {"a": ((0, 64), (128, 200), (64, 128)), "b": ((64, 64), (0, 64), (64, 90))}
SIZES = {"a": 200, "b": 90}
STEPS, EVERY = 9, 4


@pytest.mark.parametrize("chance", [0.0, 0.02, 0.9])
def test_all_processes_get_the_lists_of_one(chance: float) -> None:
    generator = np.random.default_rng(1)
    fired = {n: torch.from_numpy(generator.random((STEPS, size)) < chance) for n, size in SIZES.items()}
    meeting, found, rounds = Meeting(3), {}, []

    def process(rank: int) -> None:
        exchange = Exchange(rank, RANGES, EVERY, lambda own: meeting.exchange(rank, own))
        packed = {n: room(STEPS, size) for n, size in SIZES.items()}
        messages = Messages(exchange, packed)
        for begin in range(0, STEPS, EVERY):
            end = min(begin + EVERY, STEPS)
            for n, pack in packed.items():
                low, high = exchange.own(n)
                write(pack, fired[n], low, high, begin, end)
            messages.exchanged(begin, end)
        found[rank] = {n: (pack.cell[0], pack.bounds[0]) for n, pack in packed.items()}
        rounds.append(messages.room)

    threads = [threading.Thread(target=process, args=(rank,)) for rank in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for n, dense in fired.items():
        wanted = Spikes.of(dense)
        for rank in range(3):
            cell, bounds = found[rank][n]
            assert torch.equal(bounds, wanted.bounds)
            assert torch.equal(cell[: int(bounds[-1])], wanted.cell)
    assert len(set(rounds)) == 1
    assert meeting.rounds == 3 + (chance > 0.5)  # a message for each slice, and one once more where it had no room


def room(steps: int, cells: int) -> SimpleNamespace:
    return SimpleNamespace(cell=[torch.zeros(steps * cells, dtype=torch.int32)], bounds=[torch.zeros(steps + 1, dtype=torch.int64)])  # fmt: skip


def write(pack: SimpleNamespace, fired: torch.Tensor, low: int, high: int, begin: int, end: int) -> None:
    """What a circuit lists of its own cells."""
    cell, bounds = pack.cell[0], pack.bounds[0]
    for n in range(begin, end):
        own = torch.nonzero(fired[n, low:high])[:, 0] + low
        top = int(bounds[n])
        cell[top : top + len(own)] = own.to(torch.int32)
        bounds[n + 1] = top + len(own)


def test_values_of_all_cells_come_from_their_owners() -> None:
    meeting, found = Meeting(3), {}

    def process(rank: int) -> None:
        exchange = Exchange(rank, RANGES, EVERY, lambda own: meeting.exchange(rank, own))
        found[rank] = [exchange.whole(n, torch.full((2, size), float(rank))) for n, size in SIZES.items()]
        found[rank].append(exchange.whole("of every process", torch.ones(3)))

    threads = [threading.Thread(target=process, args=(rank,)) for rank in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    a, b, all_have_it = found[2]
    assert a[1].tolist() == [0.0] * 64 + [2.0] * 64 + [1.0] * 72
    assert b[0].tolist() == [1.0] * 64 + [2.0] * 26
    assert torch.equal(all_have_it, torch.ones(3))
