"""Which threshold: the lowest that loses no more than allowed, on samples set apart for this."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from scipy.special import betaincinv

from ranvier.errors import RanvierError
from ranvier.values import is_whole

__all__ = ["Calibration", "candidates", "choose", "harm_bound", "stops"]

Tensor = torch.Tensor
#: thresholds that are tried at most
_TRIED = 200


@dataclass(frozen=True)
class Calibration:
    """What a calibration chose, and what it saw on its samples.

    Attributes
    ----------
    threshold
        A sample stops once its confidence reaches it; infinite where no sample may stop early.
    loss
        The loss of accuracy that was allowed.
    guarantee
        The level of the guarantee; None where the allowed loss holds for the samples seen alone.
    bound
        Upper bound, at that level, on the share of samples that are right after all steps and wrong where they stop; None without.
    samples
        How many samples chose the threshold.
    accuracy, accuracy_whole
        Accuracy on these with and without stopping.
    steps
        Mean number of steps on these.
    """

    threshold: float
    loss: float
    guarantee: float | None
    bound: float | None
    samples: int
    accuracy: float
    accuracy_whole: float
    steps: float


def harm_bound(harmed: int, samples: int, level: float = 0.95) -> float:
    """Upper bound of Clopper and Pearson on a share of which ``harmed`` of ``samples`` were seen.

    The share in the population exceeds it in fewer than 1 - ``level`` of all draws of samples.

    Raises
    ------
    RanvierError
        For counts that are none, and a level outside (0, 1).

    Source: Clopper & Pearson, Biometrika 1934.

    >>> round(rv.inference.harm_bound(0, 100), 4)
    0.0295
    """
    if not is_whole(samples, 1) or not is_whole(harmed, 0) or harmed > samples:
        raise RanvierError(f"harm_bound: {harmed!r} of {samples!r} samples is no share: give 0 <= harmed <= samples.")
    if not 0 < level < 1:
        raise RanvierError(f"harm_bound: level={level!r} must lie between 0 and 1, such as 0.95.")
    return 1.0 if harmed == samples else float(betaincinv(harmed + 1, samples - harmed, level))


def stops(sure: Tensor, threshold: float) -> Tensor:
    """The number of the read-out [S] at which each sample stops: the first with ``sure`` [K, S] at the threshold, or the last."""
    reached = sure >= threshold
    reached[-1] = True
    return reached.long().argmax(0)


def candidates(sure: Tensor) -> list[float]:
    """Thresholds to try, falling: quantiles of the confidences [K, S] before the last read-out."""
    seen = sure[:-1].flatten().double()
    if not len(seen):
        return []
    found = torch.quantile(seen[: 1 << 24], torch.linspace(1, 0, _TRIED, dtype=torch.float64)).unique()
    return found.flip(0).tolist()


def choose(
    sure: Tensor, right: Tensor, steps: Tensor, tried: list[float], loss: float, guarantee: float | None
) -> Calibration:
    """The lowest of the thresholds ``tried`` before the first that loses more than ``loss``; infinite where none loses less.

    ``sure`` and ``right`` [K, S] belong to the read-outs after ``steps`` [K]. Thresholds fall, and the first failure ends the search: so
    the guarantee holds for the one chosen, although many are tried (fixed sequence testing: Angelopoulos et al., 2021, Learn then Test).

    Raises
    ------
    RanvierError
        Where no number of samples of this size can guarantee the loss.
    """
    samples, whole = sure.shape[1], right[-1]
    if guarantee is not None and (least := harm_bound(0, samples, guarantee)) > loss:
        needed = int(torch.tensor(1 - guarantee).log() / torch.tensor(1 - loss).log()) + 1 if loss > 0 else None
        raise RanvierError(
            f"loss={loss} cannot be guaranteed at level {guarantee} by {samples} samples: even if none is harmed, the bound is {least:.4f}. "
            + (f"Give at least {needed} samples to choose by, or allow more." if needed else "Allow a loss above 0.")
        )
    most = float(whole.double().mean()) - loss - 1e-12

    def fails(now: Tensor) -> bool:
        if guarantee is None:
            return float(now.double().mean()) < most
        return harm_bound(int((whole & ~now).sum()), samples, guarantee) > loss

    threshold = float("inf")
    for value in tried:
        if fails(right.gather(0, stops(sure, value).unsqueeze(0))[0]):
            break
        threshold = value
    place = stops(sure, threshold)
    now = right.gather(0, place.unsqueeze(0))[0]
    bound = None if guarantee is None else harm_bound(int((whole & ~now).sum()), samples, guarantee)
    return Calibration(
        threshold, loss, guarantee, bound, samples, float(now.double().mean()), float(whole.double().mean()),
        float(steps[place].double().mean()),
    )  # fmt: skip
