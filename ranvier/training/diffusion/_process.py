"""The noise that is added to samples, and the way back."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import nn

from ranvier.errors import ShapeError, TrainingError
from ranvier.training.diffusion._schedules import SCHEDULES, kept
from ranvier.values import is_whole

__all__ = ["Diffusion", "Model"]

Tensor = torch.Tensor
#: the noise [B, …] in samples [B, …] after steps t [B]
Model = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Diffusion:
    """x_t = sqrt(a[t])*x_0 + sqrt(1 - a[t])*noise for t = 0 … steps - 1, and sampling with a model of the noise.

    a[t] falls from nearly 1 to nearly 0. A model is any function (x_t [B, …], t [B]) -> noise [B, …]; :class:`Denoiser` makes one of a
    spiking network. It learns from pairs of x_t and noise (:meth:`batches`), with the squared error as its loss.

    Parameters
    ----------
    steps
        N, the steps of noise. Sampling may use fewer.
    schedule
        ``"cosine"`` or ``"linear"``: how a falls.
    codes
        Channels of the code of t that :meth:`with_time` adds: sin and cos of pi*2**j*t/N, j = 0 … codes/2 - 1.

    Raises
    ------
    TrainingError
        For values out of range.

    Source: Ho, Jain & Abbeel, NeurIPS 2020; Nichol & Dhariwal, ICML 2021 (cosine); Song, Meng & Ermon, ICLR 2021 (fewer steps).

    >>> process = rv.training.Diffusion(steps=100)
    >>> made = process.sample(lambda x, t: torch.zeros_like(x), (4, 1, 8, 8), steps=10)
    >>> made.shape
    torch.Size([4, 1, 8, 8])
    """

    steps: int = 100
    schedule: str = "cosine"
    codes: int = 8

    def __post_init__(self) -> None:
        if not is_whole(self.steps, 2):
            raise TrainingError(f"Diffusion: steps={self.steps!r} must be a whole number of 2 or more.")
        if self.schedule not in SCHEDULES:
            raise TrainingError(
                f"Diffusion: schedule={self.schedule!r} is unknown: use {', '.join(map(repr, SCHEDULES))}."
            )
        if not is_whole(self.codes) or self.codes % 2:
            raise TrainingError(
                f"Diffusion: codes={self.codes!r} must be a positive even number, a sine and a cosine each."
            )

    @cached_property
    def kept(self) -> Tensor:
        """a [steps] in float64: how much of the variance of a sample is left after each step."""
        return kept(self.schedule, self.steps)

    def noised(self, x: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """x_t [B, …] of samples x [B, …] with the given ``noise`` [B, …] after steps ``t`` [B]."""
        self._check_times(t, x)
        if noise.shape != x.shape:
            raise ShapeError(
                f"Diffusion: noise has shape {tuple(noise.shape)}, samples {tuple(x.shape)}: draw it with torch.randn_like(x)."
            )
        a = _each(self.kept.to(x.device)[t], x)
        return (a.sqrt() * x + (1 - a).sqrt() * noise).to(x.dtype)

    def with_time(self, x: Tensor, t: Tensor) -> Tensor:
        """x [B, C, …] with the code of ``t`` [B] as further channels, [B, C + codes, …]: the input of a network."""
        self._check_times(t, x)
        angle = t.to(x.dtype).unsqueeze(1) * (math.pi / self.steps) * 2.0 ** torch.arange(self.codes // 2).to(x)
        code = torch.cat((angle.sin(), angle.cos()), 1)
        return torch.cat((x, _each(code, x, 2).expand(-1, -1, *x.shape[2:])), 1)

    def pairs(self, x: Tensor, *, times: int, seed: int = 0) -> tuple[Tensor, Tensor]:
        """Inputs [S, T, C + codes, …], the same in each of ``times`` steps, and noise [S, C, …]: one draw for each sample x [S, C, …].

        They serve as a validation set. ``times`` are the steps T of the network. The numbers follow from ``seed``.
        """
        if not is_whole(times):
            raise TrainingError(f"Diffusion: times={times!r} must be the positive number of steps of the network.")
        if not isinstance(x, Tensor):
            raise ShapeError(f"Diffusion: samples are a {type(x).__name__}; give a tensor [S, C, …].")
        if x.ndim < 2 or not len(x) or not x.is_floating_point():
            raise ShapeError(
                f"Diffusion: samples are {tuple(x.shape)} of {x.dtype}; give floating-point numbers [S, C, …], one sample at least."
            )
        drawn = torch.Generator().manual_seed(seed)
        t = torch.randint(self.steps, (len(x),), generator=drawn).to(x.device)
        noise = torch.randn(x.shape, generator=drawn, dtype=x.dtype).to(x.device)
        given = self.with_time(self.noised(x, t, noise), t).unsqueeze(1)
        return given.expand(-1, times, *given.shape[2:]), noise

    def batches(
        self, x: Tensor, batch_size: int, *, times: int, seed: int = 0
    ) -> Callable[[int], Iterator[tuple[Tensor, Tensor]]]:
        """A training set for ``rv.train``: a function of the epoch that gives batches of :meth:`pairs`, with new noise and order each time.

        Use it with ``loss=rv.losses.Regression()``, which compares the mean of the output over steps with the noise.
        """
        if not is_whole(batch_size):
            raise TrainingError(f"Diffusion: batch_size={batch_size!r} must be a positive whole number.")
        self.pairs(x[:1], times=times)  # refuses what does not fit before the training begins

        def epoch(number: int) -> Iterator[tuple[Tensor, Tensor]]:
            drawn = torch.Generator().manual_seed(1_000_003 * seed + number)
            order = torch.randperm(len(x), generator=drawn)
            seeds = torch.randint(2**62, (len(x),), generator=drawn).tolist()
            for k, part in enumerate(order.split(batch_size)):
                yield self.pairs(x[part], times=times, seed=seeds[k])

        return epoch

    @torch.no_grad()
    def sample(
        self, model: Model, shape: Sequence[int], *, steps: int | None = None, eta: float = 1.0, clip: float | None = 1.0,
        seed: int = 0, start: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        """Samples [B, …] of a ``shape``, made from noise. A model that is a module runs in evaluation, and stays in its mode.

        From t to the earlier s: x_0 = (x_t - sqrt(1 - a[t])*e)/sqrt(a[t]) with the noise e of the model, clipped, and then
        x_s = sqrt(a[s])*x_0 + sqrt(1 - a[s] - sigma**2)*e' + sigma*noise, where e' is the noise that x_0 and x_t imply and
        sigma = eta*sqrt((1 - a[s])/(1 - a[t])*(1 - a[t]/a[s])).

        Parameters
        ----------
        steps
            Evaluations of the model, evenly over t; None: all.
        eta
            1: DDPM, noise is added in every step. 0: DDIM, the noise at the start decides.
        clip
            Bound on abs(x_0); None for data without bounds.
        seed
            Decides all noise.
        start
            The noise at the beginning, in place of drawn noise. Samples are made on its device and in its dtype.

        Raises
        ------
        TrainingError
            For values out of range, and where the model gives NaN or infinite numbers.
        ShapeError
            For a shape that is not a list of sizes, a ``start`` of another shape, and where the model gives another shape.
        """
        count = self.steps if steps is None else steps
        if not is_whole(count) or count > self.steps:
            raise TrainingError(f"Diffusion.sample: steps={steps!r} must be a whole number from 1 to {self.steps}.")
        if not isinstance(eta, int | float) or not 0 <= eta <= 1:
            raise TrainingError(f"Diffusion.sample: eta={eta!r} must lie from 0 (DDIM) to 1 (DDPM).")
        if clip is not None and (isinstance(clip, bool) or not isinstance(clip, int | float) or not clip > 0):
            raise TrainingError(f"Diffusion.sample: clip={clip!r} must be a positive bound, or None.")
        if not isinstance(shape, list | tuple) or not shape or not all(map(is_whole, shape)):
            raise ShapeError(f"Diffusion.sample: shape={shape!r} must be positive sizes [B, …], such as (16, 1, 8, 8).")
        drawn = torch.Generator().manual_seed(seed)
        x = torch.randn(tuple(shape), generator=drawn) if start is None else torch.as_tensor(start)
        if x.shape != tuple(shape) or not x.is_floating_point():
            raise ShapeError(
                f"Diffusion.sample: start is {tuple(x.shape)} of {x.dtype}; give noise of shape {tuple(shape)}."
            )
        with _in_evaluation(model):
            return self._denoised(model, x, count, eta, clip, drawn)

    def _denoised(
        self, model: Model, x: Tensor, count: int, eta: float, clip: float | None, drawn: torch.Generator
    ) -> Tensor:
        """x_0 of noise x by ``count`` evaluations of the model."""
        times = torch.linspace(self.steps - 1, 0, count).round().long().tolist()
        for t, s in zip(times, [*times[1:], None], strict=True):
            e = model(x, torch.full((len(x),), t, device=x.device))
            if e.shape != x.shape:
                raise ShapeError(
                    f"Diffusion.sample: the model gives shape {tuple(e.shape)} for samples {tuple(x.shape)}: it must give the noise in each number."
                )
            if not torch.isfinite(e).all():
                raise TrainingError(f"Diffusion.sample: the model gives NaN or infinite numbers at t={t}.")
            x = self._back(x, e, t, s, eta, clip, drawn)
        return x

    def _back(
        self, x: Tensor, e: Tensor, t: int, s: int | None, eta: float, clip: float | None, drawn: torch.Generator
    ) -> Tensor:
        """x_s of x_t and its noise; x_0 where s is None."""
        a = float(self.kept[t])
        first = (x - math.sqrt(1 - a) * e) / math.sqrt(a)
        if clip is not None:
            first = first.clamp(-clip, clip)
            e = (x - math.sqrt(a) * first) / math.sqrt(1 - a)
        if s is None:
            return first
        b = float(self.kept[s])
        sigma = eta * math.sqrt((1 - b) / (1 - a) * (1 - a / b))
        noise = torch.randn(x.shape, generator=drawn, dtype=x.dtype).to(x.device)
        return math.sqrt(b) * first + math.sqrt(max(0.0, 1 - b - sigma**2)) * e + sigma * noise

    def _check_times(self, t: Tensor, x: Tensor) -> None:
        if t.shape != x.shape[:1] or t.is_floating_point():
            raise ShapeError(
                f"Diffusion: t is {t.dtype} of shape {tuple(t.shape)}; give a whole number for each of {len(x)} samples."
            )
        if t.numel() and (int(t.min()) < 0 or int(t.max()) >= self.steps):
            raise TrainingError(
                f"Diffusion: t must lie from 0 to {self.steps - 1}, got {int(t.min())} to {int(t.max())}."
            )


@contextmanager
def _in_evaluation(model: Model) -> Iterator[None]:
    """Norms of a module take what they learnt, and learn nothing from samples."""
    if not isinstance(model, nn.Module):
        yield
        return
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)


def _each(value: Tensor, x: Tensor, axes: int = 1) -> Tensor:
    """``value`` [B, …] with axes of size 1 behind its first ``axes``, to multiply x."""
    return value.reshape(*value.shape, *(1 for _ in x.shape[axes:]))
