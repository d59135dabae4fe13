"""The checklist of methods names things that exist, and leaves none out."""

from __future__ import annotations

import re
from functools import reduce
from pathlib import Path

import ranvier as rv

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE = (DOCS / "methods.md").read_text("utf-8")
NAMES = set(re.findall(r"`rv\.([\w.]+)`", PAGE))


def test_every_name_exists() -> None:
    assert len(NAMES) > 60
    for name in NAMES:
        assert reduce(getattr, name.split("."), rv) is not None, name


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
    assert not hasattr(rv.losses, "NoSuchLoss")
    assert re.findall(r"`rv\.([\w.]+)`", "`rv.losses.NoSuchLoss`") == ["losses.NoSuchLoss"]
