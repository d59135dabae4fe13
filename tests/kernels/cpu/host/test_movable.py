"""Lists of calls that run in memory of their own: the arrays given, arenas, turns in both directions."""

from __future__ import annotations

import torch

from ranvier.kernels.cpu.host.arena import Arena
from ranvier.kernels.cpu.host.carry import carry_kernel
from ranvier.kernels.cpu.host.checked import Place
from ranvier.kernels.cpu.host.movable import Movable, tensors_of
from ranvier.kernels.cpu.host.schedule import Call, Turns


def _carry(source: torch.Tensor | Place, target: torch.Tensor, count: int) -> Call:
    kernel, flag = carry_kernel(torch.float32, torch.float32), torch.zeros(1, dtype=torch.int64)
    place = source if isinstance(source, Place) else Place(source)
    return Call(kernel, source=place, target=Place(target), flag=flag, count=count, most=0, mark=0)


def test_runs_share_no_memory_and_leave_that_of_the_set_up_alone() -> None:
    given, out, middle = torch.zeros(5), torch.zeros(5), torch.full((5,), 7.0)
    lists = [Turns([_carry(given, middle, 5)]), Turns([_carry(middle, out, 5)])]
    own = [t for t in tensors_of(lists) if all(t is not one for one in (given, out))]
    arena = Arena(own)
    runs = Movable(lists, (given, out), [arena])
    results, memories = [], []
    for k in range(3):
        x, y, memory = torch.arange(5.0) + k, torch.zeros(5), arena.new()
        runs.run([x.data_ptr(), y.data_ptr(), memory.data_ptr()])
        results.append(torch.equal(x, y))
        memories.append(memory)
    assert all(results)
    for k, memory in enumerate(memories):
        first = arena.offset(middle)
        assert torch.equal(memory[first : first + 20].view(torch.float32), torch.arange(5.0) + k)
    assert torch.equal(middle, torch.full((5,), 7.0))
    assert not given.any()
    assert not out.any()


def test_turns_move_places_and_may_run_backwards() -> None:
    given, out = torch.zeros(4, 3), torch.zeros(3)
    for reverse, last in ((False, 3), (True, 0)):
        call = _carry(Place(given, 0, 12), out, 3)
        lists = [Turns([call], 4, reverse), Turns([], 3), Turns([call], 0)]
        x, y = torch.rand(4, 3), torch.zeros(3)
        Movable(lists, (given, out), []).run([x.data_ptr(), y.data_ptr()])
        assert torch.equal(y, x[last])


def test_an_arena_keeps_numbers_offsets_and_shared_memory() -> None:
    whole, blank = torch.arange(40, dtype=torch.int64), torch.zeros(9)
    arena = Arena([whole, whole[8:], blank, torch.empty(0)], blank=[blank])
    assert arena.offset(whole[8:]) == arena.offset(whole) + 64
    assert whole in arena
    assert torch.zeros(3) not in arena
    memory = arena.new()
    assert len(memory) == arena.size == 320 + 64
    assert torch.equal(memory[:320].view(torch.int64), whole)
    memory.zero_()
    assert torch.equal(arena.new()[:320].view(torch.int64), whole)
