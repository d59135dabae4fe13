"""Small networks in training, by the name of their bench."""

from __future__ import annotations

from typing import NamedTuple


class Small(NamedTuple):
    """``layers`` of cells with one hidden layer, or with ``side`` one convolution of ``layers[1]`` channels over images."""

    steps: int
    batch: int
    layers: tuple[int, int, int]
    side: int = 0


SMALL = {
    **{f"small_digits_t{steps}_b{batch}": Small(steps, batch, (64, 32, 10)) for steps in (4, 20) for batch in (1, 32)},
    "small_images_t4_b128": Small(4, 128, (784, 512, 10)),
    **{f"small_conv_t8_b{batch}": Small(8, batch, (1, 8, 10), side=8) for batch in (1, 32)},
}
