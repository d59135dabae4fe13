"""Files of convolutions with delays, signs and norms that were edited are refused before anything runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import ranvier as rv
from ranvier.errors import FileFormatError
from ranvier.units import ms

Spoil = Callable[[dict[str, Any], dict[str, torch.Tensor]], None]
PREFIX = "projections.conv2d1.chain.0"


def part(description: dict[str, Any], k: int = 0) -> dict[str, Any]:
    return description["projections"]["conv2d1"]["chain"][k]


CASES: dict[str, tuple[Spoil, str]] = {
    "a late step": (lambda d, t: t[f"{PREFIX}.latency_table"].fill_(2**31 - 1), "latency_table"),
    "a step before": (lambda d, t: t[f"{PREFIX}.latency_table"].fill_(-1), "latency_table"),
    "steps of another shape": (
        lambda d, t: t.update({f"{PREFIX}.latency_table": torch.zeros(4, 2, 3, dtype=torch.int32)}), "latency_table"
    ),
    "a sign of 2": (lambda d, t: t[f"{PREFIX}.sign"].fill_(2), "-1, 0 and 1"),
    "signs of other inputs": (lambda d, t: part(d).update(sign=7), "expected 1 or 2"),
    "a missing sign": (lambda d, t: t.__delitem__(f"{PREFIX}.sign"), "sign' is missing"),
    "more channels": (lambda d, t: part(d).update(out_channels=5), "expected"),
    "no groups": (lambda d, t: part(d).update(groups=0), "groups"),
    "no channels": (lambda d, t: part(d).update(in_channels=0), "whole number"),
    "a padding that is not a word": (lambda d, t: part(d).update(padding="rm -rf"), "padding"),
    "features of a norm": (lambda d, t: part(d, 1).update(num_features=-4), "num_features"),
    "a norm without scale": (lambda d, t: part(d, 1).update(alpha=0.0), "alpha"),
}  # fmt: skip


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    net = rv.Sequential(
        rv.Conv2d(2, 4, 3, delay=rv.Uniform(0 * ms, 3 * ms), sign=[1, -1]),
        rv.ThresholdBatchNorm(4),
        rv.LIF(),
        dt=1 * ms,
    )
    rv.save(net, tmp_path_factory.mktemp("conv") / "model")
    return next(tmp_path_factory.getbasetemp().glob("conv*")) / "model"


@pytest.mark.parametrize("case", CASES)
def test_edited_files_are_refused(spoilt: Callable, model: Path, tmp_path: Path, case: str) -> None:
    spoil, message = CASES[case]
    with pytest.raises(FileFormatError, match=message):
        rv.load(spoilt(model, spoil, tmp_path / "hostile"))
