"""The series' end of a worker: start it, ask, wait no longer than allowed, stop it."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).resolve().parent.parent
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "RANVIER_NUM_THREADS",
)


class WorkerError(Exception):
    """A worker refused, failed, died or ran out of time.

    Attributes:
        refused: True when the library has no such model, False for every other reason.
    """

    def __init__(self, message: str, *, refused: bool = False) -> None:
        super().__init__(message)
        self.refused = refused


def _environment(threads: int, root: Path) -> dict[str, str]:
    environment = dict(os.environ)
    environment.update(dict.fromkeys(_THREAD_VARIABLES, str(threads)))
    environment["PYTHONPATH"] = str(root)
    environment["JAX_PLATFORMS"] = "cpu"
    if threads == 1:
        environment["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    return environment


class Link:
    """A live worker process.

    Args:
        python: interpreter to run.
        module: side file, as a dotted name.
        core: processor to pin to, or -1 for none.
        threads: number of threads every library is told to use.
        log: file that receives what the library prints.
        root: checkout whose `benchmarks` and `ranvier` the worker imports.
    """

    def __init__(self, python: str, module: str, *, core: int, threads: int, log: Path, root: Path = ROOT) -> None:
        self._log = log.open("w")
        self._process = subprocess.Popen(
            [python, "-m", "benchmarks._worker", module, str(core), str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            cwd=root,
            env=_environment(threads, root),
        )
        if self._process.stdin is None or self._process.stdout is None:
            raise WorkerError("the worker was started without pipes")
        self._requests, self._replies = self._process.stdin, self._process.stdout
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._replies, selectors.EVENT_READ)

    def ask(self, do: str, *, limit_s: float = 600.0, **arguments: Any) -> dict[str, Any]:
        """Send one request and return its reply.

        Raises:
            WorkerError: refusal, failure, death, or no reply within `limit_s` (the worker is then stopped).
        """
        try:
            self._requests.write(json.dumps({"do": do, **arguments}) + "\n")
            self._requests.flush()
        except BrokenPipeError as error:
            raise WorkerError(self._obituary()) from error
        if not self._selector.select(timeout=limit_s):
            self.stop()
            raise WorkerError(f"no answer to `{do}` within {limit_s:.0f} s")
        line = self._replies.readline()
        if not line:
            raise WorkerError(self._obituary())
        reply = json.loads(line)
        if not reply["ok"]:
            raise WorkerError(reply["error"], refused=reply["refused"])
        return reply

    def stop(self) -> None:
        """End this worker (only the process started here)."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._selector.close()
        self._requests.close()
        self._replies.close()
        self._log.close()

    def _obituary(self) -> str:
        code = self._process.wait()
        return f"the worker ended with status {code}; see its log"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._log.closed:
            self.stop()
