"""The options of a bench that runs in one process."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import torch

from benchmarks._link import ROOT

__all__ = ["options"]


def options(text: str | None) -> argparse.Namespace:
    """``rounds`` and ``folder`` of the command line, after the process has gone to the chosen processor, with one thread of torch."""
    parser = argparse.ArgumentParser(description=text)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--core", type=int, default=-1, help="the processor to stay on; -1: any")
    parser.add_argument("--folder", type=Path, default=ROOT / "docs" / "benchmarks")
    given = parser.parse_args()
    if given.core >= 0:
        os.sched_setaffinity(0, {given.core})
    torch.set_num_threads(1)
    return given
