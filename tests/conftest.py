"""What every test shares: one torch thread, reproducible properties, and the way to real data."""

from __future__ import annotations

import atexit
import importlib.util
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest
import torch

from tests.fuzz.table import lines

ROOT = Path(__file__).resolve().parents[1]

hypothesis.settings.register_profile("ranvier", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ranvier"))

# The workers of one run share the processor.
torch.set_num_threads(1)

# Compiled kernels go to a folder of this run, which its workers share; name one with RANVIER_CACHE to keep them.
if "RANVIER_CACHE" not in os.environ:
    os.environ["RANVIER_CACHE"] = tempfile.mkdtemp(prefix="ranvier-tests-")
    _owner = os.getpid()
    atexit.register(
        lambda: shutil.rmtree(os.environ["RANVIER_CACHE"], ignore_errors=True) if os.getpid() == _owner else None
    )


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test marked ``peers("brian2")`` where that module is not installed."""
    modules = [name for mark in item.iter_markers("peers") for name in mark.args]
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed; the extra `peers` holds it")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table of damaged files, where long tests of readers ran."""
    reports = [r for group in terminalreporter.stats.values() for r in group if getattr(r, "when", "") == "teardown"]
    found = lines(p for r in reports for p in r.user_properties)
    if found:
        terminalreporter.section("damaged files")
        terminalreporter.write("\n".join(found) + "\n")


@pytest.fixture(scope="session")
def data_folder() -> Callable[[str], Path]:
    """Look a data set up by its folder name; the test is skipped, saying why, where there is none.

    The sets lie in the folder that ``RANVIER_DATA`` names, or else in ``data`` inside the checkout or in
    ``shared/data`` inside or beside it.
    """

    def find(name: str) -> Path:
        named = os.environ.get("RANVIER_DATA")
        places = [Path(named)] if named else [ROOT / "data", ROOT / "shared" / "data", ROOT.parent / "shared" / "data"]
        for place in places:
            if (place / name).is_dir():
                return place / name
        source = f"RANVIER_DATA={named}" if named else "RANVIER_DATA is not set, and the usual places"
        pytest.skip(f"no data set {name!r}: {source} hold(s) no such folder")

    return find
