"""The page for users of snnTorch has every public name of the library."""

from __future__ import annotations

import inspect
import re
from importlib import import_module

import pytest

from tests.peers.table import page_of

MODULES = ("", ".spikegen", ".functional", ".surrogate", ".utils", ".backprop", ".export_nir")
#: classes behind functions of the page, and parts of other classes
INNER = {
    "ATan", "CustomSurrogate", "FastSigmoid", "Heaviside", "LeakySpikeOperator", "Sigmoid", "SparseFastSigmoid", "SpikeRateEscape",
    "StochasticSpikeOperator", "StraightThroughEstimator", "Triangular", "Camera", "LossFunctions", "SpikeTime", "BaseMonitor",
    "StateQuant", "unpack_len1_tuple",
}  # fmt: skip


@pytest.mark.peers("snntorch")
def test_every_public_name_is_on_the_page() -> None:
    text = page_of("snntorch").read_text("utf-8")
    missing = set()
    for module in MODULES:
        found = import_module(f"snntorch{module}")
        for name, value in vars(found).items():
            ours = inspect.isfunction(value) or inspect.isclass(value)
            if ours and value.__module__.startswith("snntorch") and not name.startswith("_") and name not in INNER:
                missing |= set() if re.search(rf"\b{name}\b", text) else {name}
    assert missing == set()
