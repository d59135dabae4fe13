"""The thread pool: every tile once, errors, nesting, forks, changing numbers of threads."""

from __future__ import annotations

import gc
import os
import threading
import time
import weakref
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ranvier.kernels.cpu.llvm.jit import compile_kernel
from ranvier.kernels.pool import run_tiles

# out[i] = 2 x[i] for one double
TEXT = """
define void @twice(i8** %p, i64* %n, double* %x) {
  %a = load i8*, i8** %p
  %q = getelementptr i8*, i8** %p, i64 1
  %b = load i8*, i8** %q
  %out = bitcast i8* %a to double*
  %in = bitcast i8* %b to double*
  %v = load double, double* %in
  %w = fadd double %v, %v
  store double %w, double* %out
  ret void
}
"""


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def doubled(x: np.ndarray) -> np.ndarray:
    kernel, out = compile_kernel("twice", TEXT), np.zeros_like(x)
    run_tiles(lambda i: kernel([out.ctypes.data + 8 * i, x.ctypes.data + 8 * i], []), x.size)
    return out


def exit_code(work: object) -> int:
    """Run ``work`` in a forked child: 0 when it returned True within 20 s."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if work() else 2  # type: ignore[operator]
        finally:
            os._exit(code)
    for _ in range(2000):
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return -1


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")


class TestTiles:
    @given(count=st.integers(0, 200), number=st.integers(1, 5))
    def test_each_runs_once(self, count: int, number: int) -> None:
        torch.set_num_threads(number)
        seen: Counter[int] = Counter()
        run_tiles(lambda i: seen.update([i]), count)
        assert seen == Counter(range(count))

    def test_several_threads_take_part(self) -> None:
        barrier, names = threading.Barrier(3, timeout=20), set()

        def task(_: int) -> None:
            barrier.wait()
            names.add(threading.current_thread().name)

        run_tiles(task, 3)
        assert len(names) == 3
        assert threading.current_thread().name in names

    @pytest.mark.parametrize(("number", "count"), [(1, 5), (3, 1)])
    def test_alone_where_there_is_nothing_to_share(self, number: int, count: int) -> None:
        torch.set_num_threads(number)
        names = set()
        run_tiles(lambda i: names.add(threading.current_thread().name), count)
        assert names == {threading.current_thread().name}

    def test_nested_calls_run_inside_their_tile(self) -> None:
        places: list[bool] = []

        def outer(_: int) -> None:
            name = threading.current_thread().name
            run_tiles(lambda j: places.append(threading.current_thread().name == name), 4)

        run_tiles(outer, 6)
        assert places == [True] * 24

    def test_a_kernel(self) -> None:
        x = np.arange(100.0)
        np.testing.assert_array_equal(doubled(x), 2 * x)

    def test_callers_at_once(self) -> None:
        results: list[bool] = []

        def work() -> None:
            for _ in range(50):
                results.append(bool((doubled(np.arange(20.0)) == 2 * np.arange(20.0)).all()))

        callers = [threading.Thread(target=work) for _ in range(4)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        assert results == [True] * 200

    def test_no_threads_are_added_by_use(self) -> None:
        doubled(np.arange(50.0))
        before = threading.active_count()
        for number in (2, 1, 3, 2, 3) * 20:
            torch.set_num_threads(number)
            doubled(np.arange(50.0))
        assert threading.active_count() == before

    def test_nothing_is_kept_after_the_call(self) -> None:
        class Thing:
            pass

        thing = Thing()
        watch = weakref.ref(thing)
        run_tiles(lambda i, thing=thing: None, 2)
        del thing
        gc.collect()
        for _ in range(100):
            if watch() is None:
                break
            time.sleep(0.01)
        assert watch() is None


class TestErrors:
    @pytest.mark.parametrize("number", [1, 3])
    def test_an_exception_reaches_the_caller(self, number: int) -> None:
        torch.set_num_threads(number)

        def task(i: int) -> None:
            if i == 5:
                raise ValueError("tile five")

        for _ in range(20):
            with pytest.raises(ValueError, match="tile five"):
                run_tiles(task, 10)
        np.testing.assert_array_equal(doubled(np.ones(10)), 2)

    def test_the_caller_waits_for_running_tiles(self) -> None:
        running, barrier = [], threading.Barrier(2, timeout=20)

        def task(i: int) -> None:
            barrier.wait()
            if i == 0:
                raise KeyboardInterrupt
            time.sleep(0.05)
            running.append(i)

        torch.set_num_threads(2)
        with pytest.raises(KeyboardInterrupt):
            run_tiles(task, 2)
        assert running == [1]


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
class TestForks:
    @needs_fork
    def test_a_child_has_its_own_threads(self) -> None:
        doubled(np.arange(50.0))
        assert exit_code(lambda: bool((doubled(np.arange(50.0)) == 2 * np.arange(50.0)).all())) == 0

    @needs_fork
    def test_a_child_forked_inside_a_tile(self) -> None:
        codes = []

        def task(i: int) -> None:
            if i == 0:
                codes.append(exit_code(lambda: bool((doubled(np.ones(50)) == 2).all())))

        run_tiles(task, 4)
        assert codes == [0]

    @needs_fork
    def test_workers_of_a_loader(self) -> None:
        class Doubling(torch.utils.data.Dataset):
            def __len__(self) -> int:
                return 8

            def __getitem__(self, index: int) -> torch.Tensor:
                torch.set_num_threads(2)
                return torch.from_numpy(doubled(np.full(20, float(index))))

        doubled(np.arange(50.0))
        loader = torch.utils.data.DataLoader(
            Doubling(), batch_size=4, num_workers=2, timeout=30, multiprocessing_context="fork"
        )
        found = torch.cat(list(loader))
        assert torch.equal(found, 2 * torch.arange(8.0, dtype=torch.float64)[:, None].expand(8, 20))
