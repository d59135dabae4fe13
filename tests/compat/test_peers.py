"""The libraries themselves, where they are installed, still give what is recorded of them."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch

ROOT = Path(__file__).parents[1] / "witness"


@pytest.fixture(autouse=True)
def own_default() -> Iterator[None]:
    """The libraries are run with another default of torch."""
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize(
    "library",
    [pytest.param(n, marks=pytest.mark.peers(n)) for n in ("snntorch", "spikingjelly", "norse", "sinabs")],
)
def test_a_library_gives_what_is_recorded(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "generate"))
    found = import_module("_compat").record(import_module(f"compat_{library}").CASES)
    with np.load(ROOT / "data" / f"compat_{library}.npz") as file:
        assert set(found) == set(file.files) - {"made_with"}
        for name, array in found.items():
            np.testing.assert_allclose(array, file[name], rtol=1e-6, atol=1e-9, err_msg=name)
