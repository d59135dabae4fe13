"""The checklist of methods names things that exist, and leaves none out."""

from __future__ import annotations

import re
from functools import reduce
from pathlib import Path

import ranvier as rv

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE = (DOCS / "methods.md").read_text("utf-8")


def names(page: str) -> set[str]:
    """The names of the package in a page, without ``rv.``."""
    return set(re.findall(r"`rv\.([\w.]+)`", page))


def unknown(page: str) -> set[str]:
    """Those of them that nothing has."""
    return {name for name in names(page) if reduce(lambda at, n: getattr(at, n, None), name.split("."), rv) is None}


NAMES = names(PAGE)


def test_every_name_exists() -> None:
    assert len(NAMES) > 60
    assert unknown(PAGE) == set()


def test_every_link_leads_somewhere() -> None:
    links = re.findall(r"\]\(([\w/.]+)\)", PAGE)
    assert links
    assert not [link for link in links if not (DOCS / link).is_file()]


def test_nothing_public_is_missing() -> None:
    """Helpers of those who write rules and regularisers are no methods."""
    helpers = {"rules.Criterion", "rules.Outcome", "rules.PerStep", "regularizers.signals_of"}
    for page in ("rules", "losses", "regularizers", "surrogates"):
        public = {f"{page}.{name}" for name in getattr(rv, page).__all__}
        assert public - helpers - NAMES == set()


def test_a_name_that_does_not_exist_is_found() -> None:
    assert unknown("`rv.losses.NoSuchLoss`, `rv.nowhere.Loss`, `rv.LIF`") == {"losses.NoSuchLoss", "nowhere.Loss"}
