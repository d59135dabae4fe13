"""Every test tells the main process what became of its damaged files, for the table at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.fuzz.engine import REPORTS


@pytest.fixture(autouse=True)
def reported(record_property: Callable[[str, object], None]) -> Iterator[None]:
    REPORTS.clear()
    yield
    for r in REPORTS:
        record_property("damaged", [r.name, r.read, r.ended, len(r.findings), r.slowest, r.memory])
