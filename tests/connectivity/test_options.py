"""Options of convolutions that no sample fits are refused when one is made, by class, name and value."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import ranvier as rv
from ranvier.errors import ShapeError


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: rv.Conv2d(3, 4, 3, groups=2), "Conv2d: groups=2 must divide in_channels=3 and out_channels=4"),
        (lambda: rv.Conv3d(4, 3, 3, groups=2), "Conv3d: groups=2 must divide"),
        (lambda: rv.Conv1d(3, 4, 3, groups=0), "Conv1d: groups=0"),
        (lambda: rv.Conv2d(3, 4, 3, groups=True), "groups=True"),
        (lambda: rv.Conv2d(3, 4, 3, stride=0), "Conv2d: stride=0 must be whole numbers from 1, one or two"),
        (lambda: rv.Conv3d(3, 4, 3, stride=(1, 2)), r"stride=\(1, 2\) must be whole numbers from 1, one or three"),
        (lambda: rv.Conv1d(3, 4, 3, dilation=1.5), "dilation=1.5"),
        (lambda: rv.Conv2d(3, 4, 3, padding=-1), "padding=-1 must be whole numbers from 0, one or two, or 'same' or 'valid'"),
        (lambda: rv.Conv2d(3, 4, 3, padding="full"), "padding='full'"),
        (lambda: rv.Conv2d(3, 4, 3, padding="same", stride=2), "padding='same' needs stride=1, got stride=2"),
        (lambda: rv.Conv2d(3, 4, 3, padding_mode="wrap"), "padding_mode='wrap' must be one of 'zeros', 'reflect'"),
        (lambda: rv.ConvTranspose2d(3, 4, 3, padding_mode="circular"), "padding_mode='circular' must be 'zeros'"),
        (lambda: rv.ConvTranspose2d(3, 4, 3, padding="same"), "padding='same' must be whole numbers from 0, one or two"),
        (lambda: rv.ConvTranspose2d(3, 4, 3, stride=2, output_padding=2), r"output_padding=2 must be smaller than stride=\(2, 2\)"),
        (lambda: rv.Conv2d(True, 4, 3), "in_channels=True"),
        (lambda: rv.Linear(True, 4), "in_features=True"),
    ],
)  # fmt: skip
def test_options_that_no_sample_fits(make: Callable[[], object], words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        make()


def test_options_that_fit() -> None:
    rv.Conv2d(4, 6, 3, groups=2, stride=(1, 2), padding=(0, 1), dilation=2, padding_mode="circular")
    rv.Conv2d(4, 6, 3, padding="same", padding_mode="replicate")
    rv.ConvTranspose2d(4, 6, 3, stride=1, dilation=2, output_padding=1)
