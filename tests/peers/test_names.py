"""Tables of counterparts name what the library has."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

from tests.peers.port import PEERS
from tests.peers.table import marked, page_of


def _words(package: str) -> set[str]:
    """All names in the source of a package, modules included."""
    found: set[str] = set()
    for folder in map(Path, import_module(package).__path__):
        for path in folder.rglob("*.py"):
            found |= {
                *path.relative_to(folder).with_suffix("").parts,
                *re.findall(r"\w+", path.read_text("utf-8", "ignore")),
            }
    return found


def _named(page: str) -> set[str]:
    """Names in the left columns of the tables that do not belong to other libraries."""
    before, _, after = marked(page)
    cells = [line.split("|")[1] for line in (before + after).splitlines() if line.startswith("|")]
    codes = [code for cell in cells if "Tonic" not in cell for code in re.findall(r"`([^`]+)`", cell)]
    return {name for code in codes if not code.startswith("torch.") for name in re.findall(r"[A-Za-z_]\w+", code)}


@pytest.mark.parametrize("peer", [pytest.param(p, marks=pytest.mark.peers(p)) for p in PEERS])
def test_the_page_names_what_the_library_has(peer: str) -> None:
    assert _named(page_of(peer).read_text("utf-8")) - _words(peer) == set()
