"""Names of encoders in other libraries, and what to write."""

from __future__ import annotations

__all__ = ["INSTEAD"]

_RATE = "write bernoulli(x, steps) for at most one spike per step, or poisson(rate, steps, dt) for counts"
INSTEAD = {
    **dict.fromkeys(("rate", "rate_conv", "rate_code", "PoissonEncoder", "ConstantCurrentLIFEncoder"), _RATE),
    **dict.fromkeys(("undo_rate", "undo_bernoulli", "undo_poisson"), "the mean over steps, spikes.mean(0), estimates the rate"),
    **dict.fromkeys(("LatencyEncoder", "latency_code", "ttfs", "time_to_first_spike", "spike_latency_encode"), "write latency(x, steps)"),
    **dict.fromkeys(("WeightedPhaseEncoder", "phase_code"), "write phase(x, steps)"),
    **dict.fromkeys(("delta_modulation", "send_on_delta", "step_forward", "threshold_based"), "write delta(x, threshold)"),
}  # fmt: skip
