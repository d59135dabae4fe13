"""Cells of Sinabs as ``_compat.py`` runs them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from _compat import Case, Seen, record, stepped
from torch import Tensor

__all__ = ["CASES"]


def _case(gain: float, make: Callable[[Any, Any], Any], learnt: tuple[str, ...] = ()) -> Case:
    """One step at a time by the library's function, whose records of states are overwritten in the next step."""

    def run(current: Tensor) -> Seen:
        torch.set_default_dtype(torch.float64)
        import sinabs.activation as activation
        import sinabs.layers as layers
        from sinabs.layers.functional.alif import alif_forward_single
        from sinabs.layers.functional.lif import lif_forward_single

        layer = make(layers, activation).double()
        adaptive = isinstance(layer, layers.ALIF)
        words = {n: getattr(layer, n) for n in ("spike_fn", "reset_fn", "surrogate_grad_fn", "min_v_mem", "norm_input")}
        words |= {"alpha_mem": layer.alpha_mem_calculated, "alpha_syn": layer.alpha_syn_calculated}
        if adaptive:
            words |= {"alpha_adapt": layer.alpha_adapt_calculated, "adapt_scale": layer.adapt_scale, "b0": layer.b0}
        else:
            words |= {"spike_threshold": layer.spike_threshold}
        state = {n: torch.zeros_like(current[0]) for n in ("v_mem", "i_syn", "b", "spike_threshold")}

        def step(now: Tensor) -> tuple[Tensor, Tensor]:
            nonlocal state
            out, state = (alif_forward_single if adaptive else lif_forward_single)(
                input_data=now, state=dict(state), **words
            )
            return (out if layer.spike_fn else torch.zeros_like(out)), state["v_mem"]

        spikes, v = stepped(step, current)
        return Seen(spikes, v, {n: getattr(layer, n) for n in learnt})

    return Case(gain, run)


CASES = {
    "IAF": _case(0.4, lambda n, a: n.IAF()),
    "IAF many": _case(3.0, lambda n, a: n.IAF(spike_threshold=torch.tensor(0.75))),
    "IAF single": _case(0.4, lambda n, a: n.IAF(spike_fn=a.SingleSpike)),
    "IAF cleared": _case(1.0, lambda n, a: n.IAF(reset_fn=a.MembraneReset())),
    "IAF single cleared": _case(1.0, lambda n, a: n.IAF(spike_fn=a.SingleSpike, reset_fn=a.MembraneReset())),
    "IAF bounded": _case(1.0, lambda n, a: n.IAF(min_v_mem=-0.25)),
    "IAF current": _case(0.2, lambda n, a: n.IAF(tau_syn=4.0), ("tau_syn",)),
    "LIF": _case(6.0, lambda n, a: n.LIF(8.0), ("tau_mem",)),
    "LIF many": _case(30.0, lambda n, a: n.LIF(8.0), ("tau_mem",)),
    "LIF plain input": _case(0.5, lambda n, a: n.LIF(8.0, norm_input=False), ("tau_mem",)),
    "LIF current": _case(3.0, lambda n, a: n.LIF(8.0, tau_syn=4.0), ("tau_mem", "tau_syn")),
    "LIF factors": _case(3.0, lambda n, a: n.LIF(8.0, tau_syn=4.0, train_alphas=True), ("alpha_mem", "alpha_syn")),
    "LIF single bounded": _case(6.0, lambda n, a: n.LIF(8.0, spike_fn=a.SingleSpike, min_v_mem=0.0), ("tau_mem",)),
    "ALIF": _case(8.0, lambda n, a: n.ALIF(8.0, 30.0), ("tau_mem", "tau_adapt")),
    "ALIF current": _case(20.0, lambda n, a: n.ALIF(8.0, 30.0, tau_syn=4.0), ("tau_mem", "tau_adapt", "tau_syn")),
    "ALIF plain input": _case(1.0, lambda n, a: n.ALIF(8.0, 30.0, norm_input=False, train_alphas=True), ("alpha_mem", "alpha_adapt")),
    "ExpLeak": _case(0.5, lambda n, a: n.ExpLeak(8.0), ("tau_mem",)),
    "ExpLeak normed": _case(0.5, lambda n, a: n.ExpLeak(8.0, norm_input=True), ("tau_mem",)),
}  # fmt: skip

if __name__ == "__main__":
    from _store import save

    save("compat_sinabs", ("sinabs", "torch"), **record(CASES))
