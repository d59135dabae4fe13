"""Cells that are linear in time, each step written out in torch."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch

from tests.training.crossed.cells import Cell, Spike, Values

Tensor = torch.Tensor


class Resonator(Cell):
    """z' = exp((-1/tau + 2 pi i f) dt) z + x; a spike where Im z > V_th; with a reset z = i V_th."""

    states = ("u", "v")

    def step(self, before: Values, arrived: Mapping[str, Tensor], reset: bool | str) -> tuple[Values, Tensor]:
        angle, beta = 2 * math.pi * self.value("f") * self.dt, torch.exp(-self.dt / self.value("tau"))
        c, s, level = torch.cos(angle), torch.sin(angle), self.value("V_th")
        u = beta * (c * before["u"] - s * before["v"]) + arrived["x"]
        v = beta * (s * before["u"] + c * before["v"])
        z = Spike.apply(v - level)
        if not self.population.cell.reset:
            return {"u": u, "v": v}, z
        compared, other = z if reset is True else z.detach(), z.detach() if reset is False else z
        return {"u": u - other * u, "v": v + compared * (level - v)}, z


class Sliding(Cell):
    """h = w_0 x + w_1 x_1 + w_2 x_2 of the last inputs."""

    states = ("h", "x_1", "x_2")

    def step(self, before: Values, arrived: Mapping[str, Tensor], reset: bool | str) -> tuple[Values, Tensor]:
        past = arrived["x"], before["x_1"], before["x_2"]
        h = sum((self.value(f"w_{i}") * x for i, x in enumerate(past)), torch.zeros(()))
        return {"h": h, "x_1": past[0], "x_2": past[1]}, SpikeAt.apply(h - self.value("V_th"))


class Space(Cell):
    """z_n' = E z_n + (E - 1)/A x with E = exp(A dt/tau) and A = -p + i q; y = 2 Re(C z) + D x; modes 0 and 1."""

    states = ("a_0", "b_0", "a_1", "b_1")

    def step(self, before: Values, arrived: Mapping[str, Tensor], reset: bool | str) -> tuple[Values, Tensor]:
        x, after = arrived["x"], dict[str, Tensor]()
        y = self.value("D") * x
        for n in range(2):
            A = torch.complex(-self.value(f"p_{n}"), self.value(f"q_{n}"))
            E = torch.exp(A * self.dt / self.value("tau"))
            z = E * torch.complex(before[f"a_{n}"], before[f"b_{n}"]) + (E - 1) / A * x
            after |= {f"a_{n}": z.real, f"b_{n}": z.imag}
            y = y + 2 * (self.value(f"C_{n}") * z.real - self.value(f"S_{n}") * z.imag)
        return after, Spike.apply(y - self.value("V_th"))


class Legendre(Cell):
    """m' = E m + A^-1 (E - 1) B x with E = exp(A dt/window), the matrices of a window of one; y = C m; order 3."""

    states = ("m_0", "m_1", "m_2")

    def step(self, before: Values, arrived: Mapping[str, Tensor], reset: bool | str) -> tuple[Values, Tensor]:
        x = arrived["x"]
        A = x.new_tensor([[-1, -1, -1], [3, -3, -3], [-5, 5, -5]])
        E = torch.matrix_exp(A * (self.dt / self.value("window")))
        entry = torch.linalg.solve(A, (E - torch.eye(3).to(E)) @ x.new_tensor([1, -3, 5]))
        m = torch.stack([before[n] for n in self.states], -1) @ E.T + x.unsqueeze(-1) * entry
        y = sum((self.value(f"C_{i}") * m[..., i] for i in range(3)), torch.zeros(()))
        return dict(zip(self.states, m.unbind(-1), strict=True)), Spike.apply(y - self.value("V_th"))


class SpikeAt(Spike):
    """1 from 0 on; the same derivative."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, u: Tensor) -> Tensor:
        ctx.save_for_backward(u)
        return (u >= 0).to(u.dtype)


LINEAR: dict[str, type[Cell]] = {"resonator": Resonator, "psn": Sliding, "ssm": Space, "memory": Legendre}
