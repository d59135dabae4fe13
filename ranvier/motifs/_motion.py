"""Motion in events of a camera: a multinomial logistic regression on small patches at all delays."""

from __future__ import annotations

from typing import Any, Self

import torch
from torch import nn
from torch.nn import functional

from ranvier.connectivity import Conv2d
from ranvier.errors import RanvierError, ShapeError
from ranvier.motifs._checks import check_positive, check_share, check_whole, largest
from ranvier.motifs._estimator import Estimator
from ranvier.network import Network, Relay
from ranvier.neurons import Cell
from ranvier.training import train
from ranvier.units import ms

__all__ = ["MotionDetector"]

Tensor = torch.Tensor
_INPUT, _EXCHANGED, _LAYER = "events", "exchanged", "classes"
#: steps that evidence takes to the output, through the exchanged events
_LAG = 2


class Exchange(nn.Module):
    """The planes [N, P, H, W] in reverse: on for off."""

    def forward(self, x: Tensor) -> Tensor:
        """``x`` with its planes in reverse."""
        return x.flip(1)


class MotionDetector(Estimator):
    """Tells which of C motions moves a scene, from events of the last D steps, at every step.

        sum[t, c, y, x](e) = sum over p, d, i and j of kernel[c, p, d, i, j] * e[t - d, p, y + i, x + j]
        evidence = bias + max(sum(events), sum(events with on and off exchanged))
        P(c | t, y, x) = softmax over c of evidence,     logit[t, c] = mean over y and x of ln(P / (1 - P))

    Every weight is a synapse with a delay of one layer of cells, shared by all places. The exchange of on (P = 1) and off makes a motion look
    the same whether the moving edge is bright or dark. Training minimises the cross-entropy at all places by
    gradient descent. All places see the same motion, so their logits are averaged, and the largest mean is the answer.

    Parameters
    ----------
    window
        D, steps: delays are 0 to D - 1.
    patch
        Height and width of the kernel in pixels.
    epochs, lr, batch_size
        Of gradient descent with Adam.
    held_out
        Share of the samples, at their end, that chooses the epoch; 0 takes the last one.
    seed
        Of the first weights and of the order of samples.

    Attributes
    ----------
    kernel_
        [C, P, D, patch, patch].
    bias_
        [C].
    synapses_
        How many weights are not pruned.
    fit_
        The record of training.

    Source: Grimaldi & Perrinet, Biological Cybernetics 2023, without its circular mask.

    >>> events, motion = (torch.rand(6, 12, 2, 8, 8) < 0.1).float(), torch.arange(6) % 3
    >>> rv.motifs.MotionDetector(window=4, patch=5, epochs=1).fit(events, motion).predict(events).shape
    torch.Size([6, 12])
    """

    def __init__(
        self, window: int = 8, patch: int = 7, *, epochs: int = 10, lr: float = 0.05, batch_size: int = 16,
        held_out: float = 0.2, seed: int = 0,
    ) -> None:  # fmt: skip
        self.window, self.patch, self.epochs, self.lr, self.batch_size = window, patch, epochs, lr, batch_size
        self.held_out, self.seed = held_out, seed

    def fit(self, events: Any, motion: Any) -> Self:
        """Learn from events [S, T, P, H, W] and the class of each sample [S] or of each of its steps [S, T].

        Raises
        ------
        RanvierError
            Where a parameter is out of range.
        ShapeError
            Where shapes do not fit, or classes are no whole numbers from 0.
        """
        self._check()
        x, y = self._events(events), torch.as_tensor(motion)
        if y.is_floating_point() or y.shape not in (x.shape[:1], x.shape[:2]) or not y.numel() or int(y.min()) < 0:
            raise ShapeError(
                f"motion {tuple(y.shape)} of {y.dtype}; give a whole number from 0 for each of {len(x)} samples, [S] or [S, T]."
            )
        y = y.long().reshape(len(x), -1).expand(x.shape[:2])
        border = len(x) - round(self.held_out * len(x))
        if border < 1:
            raise RanvierError(
                f"held_out={self.held_out!r} of {len(x)} samples leaves none to learn from: give a smaller one."
            )
        self._net = self._layer(x.shape[2:], int(y.max()) + 1)
        self.fit_ = train(
            self._net, (self._ended(x[:border]), y[:border]), (self._ended(x[border:]), y[border:]) if border < len(x) else None,
            epochs=self.epochs, loss=self._loss, lr=self.lr, batch_size=self.batch_size, schedule="cosine", seed=self.seed, progress=False,
        )  # fmt: skip
        self._shape = tuple(x.shape[2:])
        maps = self._maps(self._net)
        self.kernel_ = torch.stack([m.weight.detach() for m in maps], 2).numpy()
        self.bias_ = maps[0].bias.detach().numpy().copy()
        return self

    def decision_function(self, events: Any) -> Tensor:
        """The mean logit [S, T, C] over places."""
        self._fitted("look at events")
        x = self._events(events)
        if tuple(x.shape[2:]) != self._shape:
            raise ShapeError(f"events {tuple(x.shape)}; the detector was fitted to [S, T, *{self._shape}].")
        made = []
        for part in x.split(64):
            with torch.no_grad():
                out, _ = self._net(self._ended(part).transpose(0, 1))
            log_p = functional.log_softmax(out[_LAG:], 2)
            others = torch.log(-torch.expm1(log_p.clamp(max=-1e-6)))
            made.append((log_p - others).mean((3, 4)).transpose(0, 1))
        return torch.cat(made)

    def predict(self, events: Any) -> Tensor:
        """The class [S, T] at every step. The first D - 1 steps have seen fewer than D."""
        return self.decision_function(events).argmax(2)

    def score(self, events: Any, motion: Any) -> float:
        """The share of steps with the right class, without the first D - 1 of each sample."""
        found = self.predict(events)
        true = torch.as_tensor(motion)
        if true.shape not in (found.shape[:1], found.shape):
            raise ShapeError(f"motion {tuple(true.shape)}; give [S] or [S, T] of {tuple(found.shape)}.")
        right = found == true.reshape(len(found), -1)
        return float(right[:, self.window - 1 :].double().mean())

    def prune(self, share: float) -> Self:
        """Set this share of the weights that are left to 0, the smallest ones.

        Raises
        ------
        RanvierError
            Where the share is not below 1.
        """
        self._fitted("prune")
        self.kernel_ = self.kernel_ * largest(self.kernel_, self.kernel_ != 0, share)
        with torch.no_grad():
            for d, part in enumerate(self._maps(self._net)):
                part.weight.copy_(torch.from_numpy(self.kernel_[:, :, d]))
        return self

    @property
    def synapses_(self) -> int:
        """How many weights of the kernel are not 0."""
        self._fitted("count synapses")
        return int((self.kernel_ != 0).sum())

    def _layer(self, shape: tuple[int, ...], classes: int) -> Network:
        planes, height, width = shape
        torch.manual_seed(self.seed)
        net = Network(dt=1 * ms, seed=self.seed)
        net.input(_INPUT, shape)
        net.population(_EXCHANGED, shape, Relay())
        net.connect(_INPUT, _EXCHANGED, Exchange())
        larger = Cell("v = maximum(same, exchanged) : 1\nsame : 1 (input)\nexchanged : 1 (input)", emit="v")
        net.population(_LAYER, (classes, height - self.patch + 1, width - self.patch + 1), larger, output=True)
        for d in range(self.window):
            first, second = (Conv2d(planes, classes, self.patch, bias=d == 0, delay=k * ms) for k in (d + 1, d))
            second.weight, second.bias = first.weight, first.bias
            net.connect(_INPUT, _LAYER, first, to="same", name=_name(d))
            net.connect(_EXCHANGED, _LAYER, second, to="exchanged")
        return net

    def _maps(self, net: Network) -> list[Any]:
        return [net[_name(d)] for d in range(self.window)]

    def _loss(self, out: Tensor, motion: Tensor) -> Tensor:
        """Cross-entropy of out [T + 2, B, C, H, W] at all places and the steps that have seen D."""
        seen = out[self.window - 1 + _LAG :].movedim(2, 1)
        wanted = motion[:, self.window - 1 :].T[:, :, None, None].expand(len(seen), -1, *out.shape[3:])
        return functional.cross_entropy(seen, wanted)

    def _ended(self, x: Tensor) -> Tensor:
        """With empty steps behind, until the last evidence has arrived."""
        return functional.pad(x, [0] * 7 + [_LAG])

    def _events(self, events: Any) -> Tensor:
        x = torch.as_tensor(events).to(torch.float32)
        if x.ndim != 5 or not len(x):
            raise ShapeError(f"events have shape {tuple(x.shape)}; give [S, T, P, H, W].")
        if x.shape[1] < self.window or min(x.shape[3:]) < self.patch:
            raise ShapeError(
                f"events {tuple(x.shape)} have fewer steps than window={self.window}, or pixels than patch={self.patch}: give a smaller window or patch."
            )
        return x

    def _check(self) -> None:
        check_whole(self, window=1, patch=1, epochs=1, batch_size=1)
        check_positive(self, "lr")
        check_share(self, "held_out")


def _name(delay: int) -> str:
    return f"delay{delay}"
