"""Reused memory: alignment, return on the last view's end, limits, forks, threads."""

from __future__ import annotations

import gc
import os
import threading

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import ranvier as rv
from ranvier.kernels.cpu.host import buffers
from ranvier.kernels.cpu.host.buffers import Shelf, empty
from ranvier.units import ms

MIB = 1 << 20


@pytest.fixture
def shelf() -> Shelf:
    return Shelf(1 << 30)


class TestEmpty:
    @given(
        shape=st.lists(st.integers(0, 40), max_size=4),
        dtype=st.sampled_from([torch.float32, torch.float64, torch.bfloat16, torch.int32, torch.bool]),
    )
    def test_small_ones(self, shape: list[int], dtype: torch.dtype) -> None:
        x = empty(shape, dtype)
        assert x.shape == torch.Size(shape)
        assert x.dtype == dtype
        assert x.is_contiguous()
        assert x.data_ptr() % 64 == 0 or x.numel() == 0

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.int64, torch.bool])
    @pytest.mark.parametrize("size", [MIB, 3 * MIB + 64, 70 * MIB])
    def test_large_ones(self, size: int, dtype: torch.dtype, shelf: Shelf) -> None:
        x = shelf.empty([2, size // 2 // dtype.itemsize], dtype)
        assert x.data_ptr() % (2 * MIB) == 0
        assert x.is_contiguous()
        assert not x._is_view()
        assert x.fill_(1).sum() == x.numel()
        assert size <= shelf.stats().in_use <= size * 1.125 + 2 * MIB

    def test_it_can_be_a_leaf(self, shelf: Shelf) -> None:
        x = shelf.empty([MIB]).fill_(2).requires_grad_()
        (x * x).sum().backward()
        assert x.grad is not None
        assert bool((x.grad == 4).all())

    def test_no_memory(self, monkeypatch: pytest.MonkeyPatch, shelf: Shelf) -> None:
        def refuse(*_: object, **__: object) -> None:
            raise OSError(12, "Cannot allocate memory")

        monkeypatch.setattr(buffers.mmap, "mmap", refuse)
        with pytest.raises(MemoryError, match="4 MiB"):
            shelf.empty([MIB])
        assert shelf.stats().in_use == 0

    def test_a_platform_with_fewer_flags(self, monkeypatch: pytest.MonkeyPatch, shelf: Shelf) -> None:
        for name in ("MAP_PRIVATE", "MADV_HUGEPAGE"):
            monkeypatch.delattr(buffers.mmap, name, raising=False)
        assert shelf.empty([MIB]).fill_(1).sum() == MIB


class TestReuse:
    def test_a_freed_block_serves_the_next_request(self, shelf: Shelf) -> None:
        x = shelf.empty([10, MIB])
        place = x.data_ptr()
        del x
        y = shelf.empty([10, MIB])
        assert y.data_ptr() == place
        assert shelf.stats()[2:] == (1, 1)

    def test_a_view_keeps_the_block(self, shelf: Shelf) -> None:
        x = shelf.empty([4, MIB])
        view = x[1:].view(torch.int32)
        del x
        gc.collect()
        assert shelf.stats().free == 0
        y = shelf.empty([4, MIB])
        assert y.data_ptr() != view.data_ptr() - 4 * MIB
        del view
        assert shelf.stats().free == 16 * MIB

    def test_a_graph_keeps_the_block(self, shelf: Shelf) -> None:
        x = shelf.empty([MIB]).fill_(3)
        weight = torch.ones(MIB, requires_grad=True)
        y = (x * weight).sum()
        del x
        assert shelf.stats().in_use == 4 * MIB
        y.backward()
        del y
        assert shelf.stats().in_use == 0

    def test_nothing_grows(self, shelf: Shelf) -> None:
        for _ in range(200):
            x, y = shelf.empty([MIB]), shelf.empty([3, MIB])
            del x, y
        assert shelf.stats() == (0, 16 * MIB, 398, 2)

    def test_sizes_share_few_classes(self) -> None:
        sizes = {buffers._block_size(n) for n in range(MIB, 256 * MIB, 4096 * 7)}
        assert len(sizes) < 60
        assert all(buffers._block_size(n) == n for n in sizes)


class TestLimit:
    def test_the_oldest_go_first(self, shelf: Shelf) -> None:
        shelf.set_limit(8 * MIB)
        blocks = [shelf.empty([MIB]) for _ in range(4)]
        places = [block.data_ptr() for block in blocks]
        while blocks:
            del blocks[0]
        assert shelf.stats().free == 8 * MIB
        kept = [shelf.empty([MIB]), shelf.empty([MIB])]
        assert {block.data_ptr() for block in kept} == set(places[2:])

    def test_a_block_beyond_the_limit_evicts_nothing(self, shelf: Shelf) -> None:
        shelf.set_limit(8 * MIB)
        small, large = shelf.empty([MIB]), shelf.empty([10 * MIB])
        del small, large
        assert shelf.stats().free == 4 * MIB

    def test_zero_keeps_nothing(self, shelf: Shelf) -> None:
        x = shelf.empty([MIB])
        del x
        shelf.set_limit(0)
        assert shelf.stats().free == 0
        y = shelf.empty([MIB])
        del y
        assert shelf.stats() == (0, 0, 0, 2)

    def test_a_negative_limit_is_refused(self, shelf: Shelf) -> None:
        with pytest.raises(ValueError, match="-1"):
            shelf.set_limit(-1)


class TestConcurrency:
    def test_threads(self, shelf: Shelf) -> None:
        wrong: list[int] = []

        def work(mark: int) -> None:
            for _ in range(100):
                x = shelf.empty([MIB // 2]).fill_(mark)
                if not bool((x == mark).all()):
                    wrong.append(mark)

        workers = [threading.Thread(target=work, args=(i,)) for i in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert wrong == []
        stats = shelf.stats()
        assert stats.in_use == 0
        assert stats.hits + stats.misses == 400
        assert stats.misses <= 8  # each thread may hold its last one while it asks for the next

    def test_return_while_the_lock_is_held(self, shelf: Shelf) -> None:
        x = shelf.empty([MIB])
        with shelf._lock:
            del x  # as the garbage collector may do inside `lend`
        assert shelf.stats() == (0, 4 * MIB, 0, 1)

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
    @pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
    def test_a_forked_child(self, shelf: Shelf) -> None:
        x, freed = shelf.empty([MIB]).fill_(1), shelf.empty([2, MIB])
        del freed
        with shelf._lock:
            child = os.fork()
            if child == 0:
                fine = shelf.stats()[:2] == (4 * MIB, 0)
                y = shelf.empty([MIB])
                y.fill_(2)
                x.fill_(3)
                del y
                fine = fine and shelf.stats()[:2] == (4 * MIB, 4 * MIB)
                os._exit(0 if fine else 1)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        assert bool((x == 1).all())


def test_room_for_events_leaves_the_memory_of_other_blocks_alone() -> None:
    """Blocks that are mostly never written lie on a shelf of their own, whose pages stay virtual."""
    gc.collect()
    before = buffers.SHELF.stats(), buffers.ROOM.stats()
    found = buffers.room([64 * MIB], torch.int32)
    found[:100] = 1
    assert found.shape == (64 * MIB,)
    assert buffers.SHELF.stats() == before[0]
    assert buffers.ROOM.stats().in_use > before[1].in_use
    resident = _resident()
    del found
    gc.collect()
    again = buffers.room([64 * MIB], torch.int32)  # the same block
    again[:100] = 1
    assert _resident() - resident < 8 * MIB


def _resident() -> int:
    with open("/proc/self/statm") as numbers:
        return int(numbers.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_a_training_call_takes_one_number_for_each_cell_and_step() -> None:
    """Membranes alone: events, currents, spikes and gradients of two layers never lie in memory as a whole."""
    steps, batch, cells = 200, 64, 256
    net = rv.Sequential(
        rv.Linear(100, cells), rv.LIF(cells), rv.Linear(cells, cells), rv.LIF(cells), rv.Linear(cells, 4), rv.LeakyReadout(4),
        dt=1 * ms,
    )  # fmt: skip
    x = (torch.rand(steps, batch, 100, generator=torch.Generator().manual_seed(1)) < 0.1).float()
    limit = buffers.SHELF.limit
    buffers.set_buffer_limit(0)
    buffers.set_buffer_limit(limit)
    gc.collect()
    before = buffers.buffer_stats()
    for _ in range(3):
        net(x)[0].sum().backward()
    gc.collect()
    after = buffers.buffer_stats()
    taken = after.in_use + after.free - before.in_use - before.free
    assert taken < 1.25 * 2 * steps * batch * cells * 4
