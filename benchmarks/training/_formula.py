"""The leaky integrate-and-fire step that every training bench asks for, and the ways libraries differ from it.

Asked for, with beta = 0.9 and threshold 1 (dimensionless, one value per neuron):

    v'[t] = beta * v[t-1] + x[t]
    s[t]  = 1 if v'[t] >= 1 else 0,      ds/dv' = 1 / (1 + (pi * (v' - 1))^2)
    v[t]  = v'[t] - s[t]                 (no gradient through this reset)

A side file that cannot do exactly this declares the difference; it is then checked against the reference with the same
difference, and the table says so.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

BETA = 0.9
THRESHOLD = 1.0


@dataclass(frozen=True)
class Formula:
    """Differences from the asked step; the default has none.

    Attributes:
        late_reset: the reset of a spike is subtracted one step later, undecayed: v'[t] = beta v'[t-1] + x[t] - s[t-1].
        late_spike: the spike of step t leaves the layer in step t + 1.
        cut_reset: no gradient flows through the reset.
        residual_reset: a membrane still above threshold after its reset is pushed down for one step and back after it.
        hard_reset: the membrane is set to 0 instead of lowered by 1 (the AdEx bench asks for this anyway).
        surrogate: `arctan` as asked, or `superspike`, 1 / (1 + |v' - 1|)^2.
    """

    late_reset: bool = False
    late_spike: bool = False
    cut_reset: bool = True
    residual_reset: bool = False
    hard_reset: bool = False
    surrogate: str = "arctan"

    def as_dict(self) -> dict[str, Any]:
        """JSON form, as passed by a worker."""
        return asdict(self)

    def describe(self) -> str:
        """The differences in words, `same formula` if there are none."""
        names = {
            "late_reset": "reset one step late",
            "late_spike": "spike one step late",
            "cut_reset": "gradient flows through the reset",
            "residual_reset": "a cell left above threshold is reset twice",
            "hard_reset": "reset to zero",
            "surrogate": f"surrogate {self.surrogate}",
        }
        plain = Formula()
        differences = [names[f.name] for f in fields(self) if getattr(self, f.name) != getattr(plain, f.name)]
        return ", ".join(differences) or "same formula"
