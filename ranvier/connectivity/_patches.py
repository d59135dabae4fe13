"""The windows of a space, side by side: a convolution as one product for each place."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import nn

__all__ = ["patches", "reached"]

Tensor = torch.Tensor


def reached(
    space: Sequence[int], kernel: Sequence[int], stride: Sequence[int], padding: Sequence[int], dilation: Sequence[int]
) -> tuple[int, ...]:
    """Places of a kernel in a space, by axis."""
    given = zip(space, kernel, stride, padding, dilation, strict=True)
    return tuple((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in given)


def patches(
    x: Tensor, kernel: tuple[int, ...], stride: tuple[int, ...], padding: tuple[int, ...], dilation: tuple[int, ...]
) -> Tensor:
    """[T, B, channels, …] as [T, B * places, channels * numbers of the kernel], for one to three dimensions."""
    steps, batch, channels = x.shape[:3]
    places = prod(reached(x.shape[3:], kernel, stride, padding, dilation))
    if steps == 0:
        return x.new_zeros(0, batch * places, channels * prod(kernel))
    if len(kernel) == 1:
        x = x.unsqueeze(3)
        kernel, stride, padding, dilation = (1, *kernel), (1, *stride), (0, *padding), (1, *dilation)
    if len(kernel) == 3:  # places along the first axis join the batch, its windows the channels
        reach, step, zeros, apart = kernel[0], stride[0], padding[0], dilation[0]
        kernel, stride, padding, dilation = kernel[1:], stride[1:], padding[1:], dilation[1:]
        x = nn.functional.pad(x, (0, 0, 0, 0, zeros, zeros)).unfold(3, apart * (reach - 1) + 1, step)[..., ::apart]
        rows = x.permute(0, 1, 3, 2, 6, 4, 5).flatten(0, 2).flatten(1, 2)
    else:
        rows = x.flatten(0, 1)
    windows = nn.functional.unfold(rows, kernel, dilation, padding, stride)
    return windows.transpose(1, 2).reshape(steps, batch * places, -1)
