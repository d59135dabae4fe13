"""Real-time recurrent learning: the influence of every parameter on every variable, carried forward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ranvier.dynamics import Cuts, Reset, Role
from ranvier.errors import TrainingError
from ranvier.network import Network
from ranvier.training.batches import Signal
from ranvier.training.rules._criterion import Criterion
from ranvier.training.rules._influence import Influence
from ranvier.training.rules._refuse import (
    check_reset,
    refuse_half,
    refuse_membrane_norms,
    refuse_plastic,
    refuse_starts,
    whole_number,
)
from ranvier.training.rules._rule import Outcome, Rule
from ranvier.training.rules._windows import look_first
from ranvier.training.rules.series import Series

__all__ = ["RTRL", "SnAp1"]

#: bytes an influence may take
_MOST = 1 << 28


@dataclass(frozen=True)
class RTRL(Rule):
    """The exact gradient of BPTT, computed forwards: J[t] = (dh[t]/dh[t-1]) J[t-1] + dh[t]/dtheta.

    h holds all variables of all cells and the spikes in flight (D numbers), theta all P parameters; dL/dtheta adds up
    (dL/dh[t]) J[t] as time goes by. Memory is D P whatever T, time D P (D + 1) per step and sample: for small recurrent
    networks. Surrogates and resets count as in BPTT, to which it is equal to rounding.

    Parameters
    ----------
    window
        Steps between updates of J; the gradient does not depend on it, and D adjoints are run per window.
    reset
        Which gradient the reset passes, as in :class:`BPTT`.

    Norms and dropout are refused, for samples are run one by one. Source: Williams & Zipser, Neural Computation 1989.

    Raises
    ------
    TrainingError
        Where a part of the network stands in the way, or D P is too large.

    >>> fit = rv.train(net, data, epochs=1, rule=rv.rules.RTRL(window=8))
    """

    window: int = 8
    reset: Reset = "auto"

    def __post_init__(self) -> None:
        check_reset(self.reset, type(self).__name__)
        whole_number(self.window, type(self).__name__, "window")

    @property
    def _masked(self) -> bool:
        return False

    def arguments(self) -> dict[str, Any]:
        """The arguments of a call of the network under this rule."""
        return {"window": self.window, "reset": self.reset}

    def gradient(self, net: Network, x: Signal, criterion: Criterion) -> Outcome:
        """Run a batch ``x`` [T, B, …] from a fresh state and add to ``.grad`` of every parameter."""
        name = type(self).__name__
        refuse_half(net, name)
        refuse_plastic(net, name)
        refuse_membrane_norms(net, name)
        refuse_starts(net, name)
        _refuse_mixing(net, name)
        cuts = Cuts(reset=self.reset)
        tally, loss, slopes, whole = look_first(net, lambda: Series(net, x, self.window, cuts), criterion)
        needed = _state_size(whole) * sum(q.numel() for q in net.parameters() if q.requires_grad)
        if 8 * needed > _MOST:
            raise TrainingError(
                f"{name} keeps {_state_size(whole)} state numbers times all parameters = {needed:,} numbers: it is for "
                f"small networks; use rv.rules.BPTT(window=…), rv.rules.EProp() or rv.rules.OTTT()."
            )
        for b in range(whole.batch):
            series = Series(net, x, self.window, cuts, leaves=True, sample=b, stream=whole.start.stream)
            influence = Influence(series, self._masked)
            for block in series.blocks():
                low, high = block.first, block.first + block.count
                influence.learn(block, {n: s[low:high, b : b + 1] for n, s in slopes.items()})
            series.finish()
        return tally.outcome(loss)


@dataclass(frozen=True)
class SnAp1(RTRL):
    """RTRL that keeps the influence of a parameter only on what it touches within one step.

    Of J[t] those entries are kept that a single step can make: the variables of the cell that a weight leads to, and what
    that cell reaches without delay. Influence that would travel through recurrent spikes is dropped. A parameter that
    many cells share (one learnable tau) touches all of them, so its influence from one to another stays. What is kept is as
    in RTRL, also in cost: this class is the definition, for comparison; for training at scale see ``EProp``.

    Source: Menick et al., ICLR 2021.

    >>> fit = rv.train(net, data, epochs=1, rule=rv.rules.SnAp1())
    """

    window: int = 1

    def __post_init__(self) -> None:
        check_reset(self.reset, "SnAp1")
        if self.window != 1:
            raise TrainingError(
                f"SnAp1: window={self.window!r}; influence is thinned out at every step: leave it at 1."
            )

    @property
    def _masked(self) -> bool:
        return True


def _state_size(series: Series) -> int:
    return sum(
        t[0].numel() if k.startswith("variables") else t[:, 0].numel() for k, t in series.start.tensors().items()
    )


def _refuse_mixing(net: Network, rule: str) -> None:
    for p in net.projections.values():
        for transform in p.chain.transforms:
            if transform.settles:
                raise TrainingError(
                    f"{rule} runs sample by sample, but projection {p.name!r} holds {transform.kind}, which would "
                    f"then act differently: remove it, or use rv.rules.BPTT()."
                )
    for n in net.populations:
        noises = net.graph.step(n).role(Role.NOISE)
        if noises:
            raise TrainingError(
                f"{rule} runs sample by sample, but {n!r} draws noise for the whole batch: remove {noises[0]}, or use "
                f"rv.rules.BPTT()."
            )
