"""The cells of the crossed tests, each step written out in torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch

from ranvier.units import mV

Tensor = torch.Tensor
Values = dict[str, Tensor]


class Spike(torch.autograd.Function):
    """1 above 0; derivative of ArcTan with alpha 2."""

    @staticmethod
    def forward(ctx: Any, u: Tensor) -> Tensor:
        ctx.save_for_backward(u)
        return (u > 0).to(u.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (u,) = ctx.saved_tensors
        return grads[0] / (1 + (math.pi * u) ** 2)


class _Timed(torch.autograd.Function):
    """1 where ``since`` is above 0; the derivative is that of the time of the spike, which lies ``since`` back."""

    @staticmethod
    def forward(ctx: Any, since: Tensor) -> Tensor:
        ctx.save_for_backward(since)
        return (since > 0).to(since.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (since,) = ctx.saved_tensors
        return -grads[0] * (since > 0)


class Cell:
    """A population's cell; ``value(name)`` is a parameter within its bounds."""

    states: tuple[str, ...] = ("v",)

    def __init__(self, population: Any, dt: float) -> None:
        self.population, self.dt = population, dt

    def value(self, name: str) -> Tensor:
        raw = getattr(self.population, name)
        given = self.population.cell.values.get(name)
        low, high = getattr(given, "min", None), getattr(given, "max", None)
        if isinstance(raw, torch.nn.Parameter) and name.startswith("tau") and low is None:
            low = 1e-3
        if low is None and high is None:
            return raw
        return raw + (raw.detach().clamp(low, high) - raw.detach())

    def start(self, batch: int, shape: tuple[int, ...]) -> Values:
        out = {}
        for name in self.states:
            learnt = getattr(self.population, f"{name}_0", None)
            zeros = torch.zeros(batch, *shape, dtype=torch.float64)
            out[name] = zeros if learnt is None else zeros + learnt
        return out

    def step(self, before: Values, arrived: Mapping[str, Tensor], reset: bool | str) -> tuple[Values, Tensor]:
        raise NotImplementedError

    def timed(
        self, before: Values, arrived: Mapping[str, Tensor], shift: Mapping[str, Tensor]
    ) -> tuple[Values, Tensor]:
        return self.step(before, arrived, True)


def decay(dt: float, tau: Tensor) -> Tensor:
    return torch.exp(-dt / tau)


class LIF(Cell):
    """v' = beta v + x; v -= V_th or v = 0. A norm on v is seen by the threshold alone."""

    def compared(self, v: Tensor) -> Tensor:
        norm = getattr(self.population, "membrane_norm", None)
        if norm is None:
            return v
        mean, var = (v.mean(0), v.var(0, correction=0)) if norm.training else (norm.running_mean, norm.running_var)
        return norm.weight * (v - mean) / torch.sqrt(var + 1e-5) + norm.bias

    def step(self, before: Values, arrived: Mapping[str, Tensor], reset: bool | str) -> tuple[Values, Tensor]:
        v, V_th = decay(self.dt, self.value("tau")) * before["v"] + arrived["x"], self.value("V_th")
        z = Spike.apply(self.compared(v) - V_th)
        gone = z if reset is True else z.detach()
        hard = "v = 0" in (self.population.cell.reset or "")
        return {"v": v * (1 - gone) if hard else v - gone * V_th}, z


class Tired(Cell):
    """LIF that stays where it is for ``refractory`` after a spike, whatever arrives."""

    states = ("v", "left")

    def step(self, before: Values, arrived: Mapping[str, Tensor], reset: bool | str) -> tuple[Values, Tensor]:
        free = (before["left"] == 0).to(before["v"].dtype)
        moved = decay(self.dt, self.value("tau")) * before["v"] + arrived["x"]
        v = free * moved + (1 - free) * before["v"]
        z = Spike.apply(v - self.value("V_th")) * free
        gone = z if reset is True else z.detach()
        steps = round(float(self.value("refractory")) / self.dt)
        left = torch.where(z.detach() > 0, float(steps), (before["left"] - 1).clamp(min=0))
        return {"v": v - gone * self.value("V_th"), "left": left}, z


class ALIF(Cell):
    """v' = beta v + x, a' = rho a; v -= V_th + beta_a a; a += 1 - rho."""

    states = ("v", "a")

    def step(self, before: Values, arrived: Mapping[str, Tensor], reset: bool | str) -> tuple[Values, Tensor]:
        rho = decay(self.dt, self.value("tau_a"))
        v, a = decay(self.dt, self.value("tau")) * before["v"] + arrived["x"], rho * before["a"]
        level = self.value("V_th") + self.value("beta_a") * a
        z = Spike.apply(v - level)
        compared = z if reset is True else z.detach()
        counted = z.detach() if reset is False else z
        return {"v": v - compared * level, "a": a + counted * (1 - rho)}, z


class Rectified(Cell):
    """LIF whose membrane moves towards 0 or 1 before it fires; v -= 1."""

    def step(self, before: Values, arrived: Mapping[str, Tensor], reset: bool | str) -> tuple[Values, Tensor]:
        u = decay(self.dt, self.value("tau")) * before["v"] + arrived["x"]
        inside = torch.tanh(3 * (u.clamp(0, 1) - 0.5)) / (2 * math.tanh(1.5)) + 0.5
        v = torch.where(
            u < 0, 1 - (1 - u.clamp(max=0)) ** (1 / 3), torch.where(u > 1, u.clamp(min=1) ** (1 / 3), inside)
        )
        z = Spike.apply(v - self.value("V_th"))
        return {"v": v - (z if reset is True else z.detach())}, z


class Relative(Cell):
    """LIF that fires where v/V_th > 1, then v -= V_th, and emits V_th: that is sent, not reset."""

    states = ("v", "sent")

    def step(self, before: Values, arrived: Mapping[str, Tensor], reset: bool | str) -> tuple[Values, Tensor]:
        v, V_th = decay(self.dt, self.value("tau")) * before["v"] + arrived["x"], self.value("V_th")
        z = Spike.apply(v / V_th - 1)
        return {"v": v - (z if reset is True else z.detach()) * V_th, "sent": z * V_th}, z * V_th


class Moving(Cell):
    """LIF with the threshold V_th + theta, where theta follows the membrane of the same step."""

    states = ("v", "theta")

    def step(self, before: Values, arrived: Mapping[str, Tensor], reset: bool | str) -> tuple[Values, Tensor]:
        v = decay(self.dt, self.value("tau")) * before["v"] + arrived["x"]
        rho, soft = decay(self.dt, self.value("tau_theta")), self.value("theta_softness")
        rise = soft * torch.nn.functional.softplus((v - self.value("theta_start")) / soft, threshold=1e3)
        theta = rho * before["theta"] + (1 - rho) * (self.value("theta_slope") * v + self.value("theta_gain") * rise)
        level = self.value("V_th") + theta
        z = Spike.apply(v - level)
        return {"v": v - (z if reset is True else z.detach()) * level, "theta": theta}, z


class Readout(Cell):
    """v' = kappa v + (1 - kappa) x."""

    def step(self, before: Values, arrived: Mapping[str, Tensor], reset: bool | str) -> tuple[Values, Tensor]:
        kappa = decay(self.dt, self.value("tau"))
        v = kappa * before["v"] + (1 - kappa) * arrived["x"]
        return {"v": v}, v


class Join(Cell):
    """branch * past."""

    states = ()

    def step(self, before: Values, arrived: Mapping[str, Tensor], reset: bool | str) -> tuple[Values, Tensor]:
        return {}, arrived["branch"] * arrived["past"]


class Current(Cell):
    """dv/dt = (I - v)/tau_m, dI/dt = -I/tau_s, exactly; v = 0 at a spike. Projections arrive on I."""

    states = ("v", "I")

    def advance(self, v: Tensor, i: Tensor) -> tuple[Tensor, Tensor]:
        tau_m, tau_s = self.value("tau_m"), self.value("tau_s")
        slow, fast = decay(self.dt, tau_m), decay(self.dt, tau_s)
        share = tau_s / (tau_s - tau_m)
        return slow * v + share * (fast - slow) * i, fast * i

    def kicked(
        self, before: Values, arrived: Mapping[str, Tensor], shift: Mapping[str, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """The state after arrivals that come a little later."""
        late = shift.get("I", 0.0)
        return before["v"] - late / self.value("tau_m"), before["I"] + arrived["I"] + late / self.value("tau_s")

    def step(self, before: Values, arrived: Mapping[str, Tensor], reset: bool | str) -> tuple[Values, Tensor]:
        v, i = self.advance(before["v"], before["I"] + arrived["I"])
        z = Spike.apply(v - self.value("V_th"))
        return {"v": v * (1 - (z if reset is True else z.detach())), "I": i}, z

    def timed(
        self, before: Values, arrived: Mapping[str, Tensor], shift: Mapping[str, Tensor]
    ) -> tuple[Values, Tensor]:
        """A later arrival w moves v by -(1/tau_m) w dt_a and I by (1/tau_s) w dt_a; a later spike v by -f(x+) dt_s."""
        tau_m, V_th = self.value("tau_m"), self.value("V_th")
        kicked, i = self.kicked(before, arrived, shift)
        v, i = self.advance(kicked, i)
        low, high = kicked - V_th, v - V_th
        rise = torch.maximum(torch.maximum(high - low, high.abs()), torch.tensor(1e-20, dtype=high.dtype))
        z = _Timed.apply(high / rise * self.dt)
        later = -(i / tau_m)
        fired = z.detach()
        moved = (z - z.detach()) * later.detach()
        return {"v": v * (1 - fired) + moved, "I": i}, z


class TimedReadout(Readout):
    """dv/dt = (I - v)/tau_m, dI/dt = -I/tau_s without a threshold; emits v."""

    states = ("v", "I")
    advance, kicked = Current.advance, Current.kicked

    def step(self, before: Values, arrived: Mapping[str, Tensor], reset: bool | str) -> tuple[Values, Tensor]:
        v, i = self.advance(before["v"], before["I"] + arrived["I"])
        return {"v": v, "I": i}, v

    def timed(
        self, before: Values, arrived: Mapping[str, Tensor], shift: Mapping[str, Tensor]
    ) -> tuple[Values, Tensor]:
        v, i = self.advance(*self.kicked(before, arrived, shift))
        return {"v": v, "I": i}, v


class Conductance(Cell):
    """tau_m dv/dt = E_L - v + g_e (E_e - v) + g_i (E_i - v), conductances decay; v rests for ``refractory`` after a spike.

    v goes exponentially towards where the conductances before the step pull it.
    """

    states = ("v", "g_e", "g_i", "left")

    def start(self, batch: int, shape: tuple[int, ...]) -> Values:
        given = self.population.cell.initial["v"]
        first = torch.tensor([float(v / mV) for v in given], dtype=torch.float64)
        return {**super().start(batch, shape), "v": first.expand(batch, *shape)}

    def step(self, before: Values, arrived: Mapping[str, Tensor], reset: bool | str) -> tuple[Values, Tensor]:
        free = (before["left"] == 0).to(before["v"].dtype)
        g_e, g_i = (before[g] + arrived.get(g, 0.0) for g in ("g_e", "g_i"))
        pull = 1 + g_e + g_i
        level = (self.value("E_L") + g_e * self.value("E_e") + g_i * self.value("E_i")) / pull
        moved = level + (before["v"] - level) * torch.exp(-self.dt * pull / self.value("tau_m"))
        v = free * moved + (1 - free) * before["v"]
        z = Spike.apply(v - self.value("V_th")) * free
        gone = z if reset is True else z.detach()
        steps = round(float(self.value("refractory")) / self.dt)
        left = torch.where(z.detach() > 0, float(steps), (before["left"] - 1).clamp(min=0))
        g_e, g_i = g_e * decay(self.dt, self.value("tau_e")), g_i * decay(self.dt, self.value("tau_i"))
        return {"v": v + gone * (self.value("V_r") - v), "g_e": g_e, "g_i": g_i, "left": left}, z


CELLS: dict[str, type[Cell]] = {
    "lif": LIF, "tired": Tired, "alif": ALIF, "readout": Readout, "join": Join, "current": Current, "level": TimedReadout,
    "conductance": Conductance, "rectified": Rectified, "moving": Moving, "relative": Relative,
}  # fmt: skip
