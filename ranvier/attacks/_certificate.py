"""What an attack and its controls did to the same samples."""

from __future__ import annotations

from dataclasses import dataclass

from ranvier.text_table import text_table

__all__ = ["Certificate"]


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """What an attack and its controls did to the same samples; all numbers but ``samples`` are shares of these.

    Attributes
    ----------
    samples
        Samples that were right before.
    success
        Of the attack.
    controls
        Success of random signs, of one step, of the attack through other surrogates and from other networks, by name.
    unbounded
        Success of the attack where eps is half of the range.
    gradients
        Samples whose gradient is not all zero.
    rises
        Samples whose loss rises more along the sign of the gradient than along random signs of the same size.
    smooth, agrees
        Samples whose loss is smooth in x within a thousandth of eps, and those of them where differences agree with the gradient within a
        tenth. They decide nothing: a loss of spikes is smooth only where no threshold is crossed, and a surrogate has another slope there on purpose.
    findings
        What speaks against the attack, in words; empty where it sees gradients.
    """

    samples: int
    success: float
    controls: dict[str, float]
    unbounded: float
    gradients: float
    rises: float
    smooth: float
    agrees: float
    findings: tuple[str, ...]

    @property
    def sees_gradients(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.findings

    def __str__(self) -> str:
        rows = {
            "the attack": self.success, **{f"control: {name}": value for name, value in self.controls.items()},
            "the attack, eps of half the range": self.unbounded, "gradient not zero": self.gradients,
            "loss rises more than along random signs": self.rises, "loss smooth": self.smooth, "smooth, and differences agree": self.agrees,
        }  # fmt: skip
        table = text_table(
            [(f"of {self.samples} samples", "share"), *((name, f"{value:.1%}") for name, value in rows.items())]
        )
        verdict = [f"! {found}" for found in self.findings] or ["The attack sees gradients."]
        return "\n".join([table, *verdict])
