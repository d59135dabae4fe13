"""Processes of this machine that torch.distributed can join."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def started(job: str, count: int, folder: Path) -> list[tuple[int, str]]:
    """Exit status and errors of each of ``count`` processes that run the module ``job``."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {**os.environ, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(count)}
    running = [
        subprocess.Popen(
            [sys.executable, "-m", job, str(folder)], cwd=ROOT, text=True,
            env={**common, "RANK": str(rank), "OMP_NUM_THREADS": "1"}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )
        for rank in range(count)
    ]  # fmt: skip
    try:
        ends = [process.communicate(timeout=180)[1] for process in running]
    finally:
        for process in running:
            process.kill()
    return [(process.returncode, end) for process, end in zip(running, ends, strict=True)]
