"""Names of losses in other libraries, and the same losses here."""

from __future__ import annotations

__all__ = ["INSTEAD"]

_TORCH = "wrap a loss of torch, OverTime(torch.nn.CrossEntropyLoss(), at='mean'), or write SpikeCount(), MaxOverTime() or EveryStep()"
_VALUES = "write Regression(at='mean'), at='last' or at='every'"
INSTEAD = {
    **dict.fromkeys(("CrossEntropy", "CrossEntropyLoss", "cross_entropy"), _TORCH),
    **dict.fromkeys(("MSE", "MSELoss", "mse_loss", "mse_membrane_loss"), _VALUES),
    "ce_rate_loss": "write EveryStep()",
    "ce_count_loss": "write SpikeCount()",
    "ce_max_membrane_loss": "write MaxOverTime()",
    "ce_temporal_loss": "write FirstSpike()",
    "mse_temporal_loss": "write TimeToFirstSpike(), with classes as targets",
    "mse_count_loss": "write SpikeRate(correct=0.8, incorrect=0.2)",
}
