"""Tiles of work on a pool of threads that lives as long as the process.

Kernels release Python's lock, so Python threads are enough. The problem fixes the tiles, never the number of
threads: the result does not depend on the thread that runs a tile.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from queue import SimpleQueue

import torch

__all__ = ["inside_tile", "run_tiles"]


class _Job:
    """The tiles 0 ... count - 1 of one call: the next one, the threads at work, and the first error."""

    def __init__(self, task: Callable[[int], None], count: int) -> None:
        self._task: Callable[[int], None] | None = task
        self._count = count
        self._next = 0
        self._threads = 0
        self._error: BaseException | None = None
        self._state = threading.Condition(threading.Lock())

    def work(self) -> None:
        """Run tiles until none is left."""
        with self._state:
            task = self._task
            self._threads += 1
        try:
            while task is not None:
                with self._state:
                    index = self._next
                    if index >= self._count:
                        return
                    self._next += 1
                task(index)
        except BaseException as error:
            with self._state:
                self._next = self._count
                self._error = self._error or error
        finally:
            with self._state:
                self._threads -= 1
                if self._threads == 0:
                    self._state.notify()

    def finish(self) -> None:
        """Start no more tiles, wait for the running ones, and raise the error of any of them."""
        with self._state:
            self._next = self._count
            self._task = None  # a thread that comes late must not keep tensors alive
            while self._threads:
                try:
                    self._state.wait()
                except KeyboardInterrupt as error:  # memory in use by a kernel must outlive it
                    self._error = self._error or error
            error, self._error = self._error, None
        if error is not None:
            raise error


class _Pool:
    """Threads that wait for jobs; they are started when first needed and never stopped."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[_Job] = SimpleQueue()
        self._size = 0
        self._lock = threading.Lock()
        self.inside = threading.local()

    def invite(self, job: _Job, helpers: int) -> None:
        """Ask that many threads to join the job."""
        if self._size < helpers:
            with self._lock:
                while self._size < helpers:
                    name = f"ranvier-{self._size}"
                    threading.Thread(target=self._serve, args=(self._queue,), name=name, daemon=True).start()
                    self._size += 1
        for _ in range(helpers):
            self._queue.put(job)

    def _serve(self, queue: SimpleQueue[_Job]) -> None:
        self.inside.tile = True
        while True:
            queue.get().work()


_pool = _Pool()


def _renew() -> None:
    """A forked child has none of its parent's threads: start with an empty pool."""
    global _pool
    _pool = _Pool()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)


def inside_tile() -> bool:
    """Whether this thread works on a tile, beside others that do."""
    return getattr(_pool.inside, "tile", False)


def run_tiles(task: Callable[[int], None], count: int) -> None:
    """Call ``task(i)`` for every i in 0 ... count - 1, on ``torch.get_num_threads()`` threads, this one among them.

    The next free thread takes the next tile. With one thread, one tile, or inside another tile, all run here. The
    call returns when no tile is running any more.

    Parameters
    ----------
    task
        Works on one tile; worth it when it spends its time outside Python's lock.
    count
        How many tiles there are; none for 0.

    Raises
    ------
    BaseException
        The first exception of a tile; tiles not yet begun are left out.
    """
    pool = _pool
    helpers = min(torch.get_num_threads(), count) - 1
    if helpers <= 0 or inside_tile():
        for index in range(count):
            task(index)
        return
    job = _Job(task, count)
    pool.inside.tile = True
    try:
        pool.invite(job, helpers)
        job.work()
    finally:
        pool.inside.tile = False
        job.finish()
