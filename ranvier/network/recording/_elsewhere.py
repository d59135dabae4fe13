"""Columns of a recording that another process writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ranvier.errors import RecordingError
from ranvier.network.recording._columns import Columns, Reader

__all__ = ["ColumnsElsewhere"]


class ColumnsElsewhere(Columns):
    """Nothing is kept here; process 0 writes ``folder``."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def declare(self, path: str, dtype: Any, shape: tuple[int, ...], expected: int | None = None) -> None:
        del path, dtype, shape, expected

    def append(self, path: str, rows: np.ndarray) -> None:
        del path, rows

    def reader(self, path: str) -> Reader:
        def refuse(count: int | None = None) -> np.ndarray:
            raise RecordingError(
                f"process 0 wrote {path} to {self.folder}: read it in process 0, or with rv.load_records after the run."
            )

        return refuse

    def commit(self, attributes: Mapping[str, Any], sync: bool = False) -> None:
        del attributes, sync

    def lengths(self) -> dict[str, int]:
        return {}
