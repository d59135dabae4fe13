"""Motion of textures in every step, from events, by a spiking network with recurrence."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import nn

import ranvier as rv
from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.recipes.parts.drawn import divided, uniform
from ranvier.recipes.parts.tested import learnt
from ranvier.units import Hz, ms

RECURRENT, FORWARD, GATED, WINDOWS, REST = "recurrent", "no recurrence", "ConvGRU", "one answer a window", "no motion"
#: rows or columns of pixels, steps of a sample, first steps that do not count, steps of a window
SIDE, STEPS, WARM, WINDOW = 8, 24, 6, 8
SPEEDS = (0.4, 1.0)
Tensor = torch.Tensor
Samples = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Settings:
    """Of training."""

    learn: int = 384
    """Samples to learn from; half as many choose the epoch, as many are reported."""
    epochs: int = 12


@lru_cache(maxsize=4)
def moving(seed: int, count: int) -> Samples:
    """Events [T, S, 2, 8, 8] of textures, and their motion [T, S, 2, 8, 8] (right, down) in pixels per step.

    Direction and speed change once, in the middle third. NaN: the first steps, and pixels that have not fired yet.
    """
    generator = torch.Generator().manual_seed(seed)
    angle = uniform(generator, 0, 2 * math.pi, 2, count)
    speed = torch.tensor(SPEEDS)[torch.randint(len(SPEEDS), (2, count), generator=generator)]
    first, second = torch.stack([angle.cos(), angle.sin()], 2) * speed.unsqueeze(2)
    change = torch.randint(STEPS // 3, 2 * STEPS // 3, (count,), generator=generator)
    motion = torch.where((torch.arange(STEPS)[:, None] < change).unsqueeze(2), first, second)
    gaze = -torch.cat([torch.zeros(1, count, 2), motion.cumsum(0)])
    light = rv.encoding.drift(rv.encoding.textures(count, 2 * SIDE, frequency=0.15, generator=generator), gaze)
    camera = rv.encoding.EventCamera(on=0.15, off=0.15, leak=0 * Hz, shot=1 * Hz)
    events = camera(light[..., :SIDE, :SIDE], 1 * ms, generator=generator)[1:].clamp(max=2)
    known = events.sum(2, keepdim=True).cumsum(0) > 0
    known[:WARM] = False
    return events, torch.where(known, motion[..., None, None], math.nan)


def spiking(recurrent: bool) -> rv.Sequential:
    """A convolution to cells, with recurrence or with more of them, and a convolution to a leaky read-out."""
    channels = 12 if recurrent else 30
    cells = rv.LIF((channels, SIDE, SIDE), tau=3 * ms, reset="v -= 1")
    hidden = rv.Recurrent(cells, rv.Conv2d(channels, channels, 3, padding=1, bias=False)) if recurrent else cells
    return rv.Sequential(
        rv.Conv2d(2, channels, 3, padding=1), hidden, rv.Conv2d(channels, 2, 5, padding=2),
        rv.LeakyReadout((2, SIDE, SIDE), tau=3 * ms), dt=1 * ms,
    )  # fmt: skip


class ConvGRU(nn.Module):
    """One layer of gated units whose maps are convolutions, and a convolution to the motion."""

    def __init__(self, channels: int = 7) -> None:
        super().__init__()
        self.channels = channels
        self.gates = nn.Conv2d(2 + channels, 2 * channels, 3, padding=1)
        self.new = nn.Conv2d(2 + channels, channels, 3, padding=1)
        self.read = nn.Conv2d(channels, 2, 5, padding=2)

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        held, all_held = x.new_zeros(x.shape[1], self.channels, *x.shape[3:]), []
        for step in x:
            keep, reset = self.gates(torch.cat([step, held], 1)).sigmoid().chunk(2, 1)
            new = self.new(torch.cat([step, reset * held], 1)).tanh()
            held = keep * held + (1 - keep) * new
            all_held.append(held)
        return self.read(torch.cat(all_held)).unflatten(0, x.shape[:2]), None


class Windows(nn.Module):
    """Two convolutions on the events of a window, whose steps are channels; the answer holds for the whole window."""

    def __init__(self, channels: int = 11) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(2 * WINDOW, channels, 3, padding=1), nn.ReLU(), nn.Conv2d(channels, 2, 5, padding=2)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        parts = x.unflatten(0, (-1, WINDOW)).transpose(1, 2)  # [windows, S, steps, 2, H, W]
        found = self.net(parts.flatten(0, 1).flatten(1, 2)).unflatten(0, parts.shape[:2])
        return found.repeat_interleave(WINDOW, 0), None


class Rest(nn.Module):
    """No motion anywhere."""

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        return torch.zeros_like(x), None


def network(arm: str, seed: int, x: Tensor) -> nn.Module:
    """The network of an arm before training; cells of spiking ones fire in 15 % of the steps of x."""
    torch.manual_seed(seed)
    if arm in (RECURRENT, FORWARD):
        net = spiking(arm == RECURRENT)
        rv.initialize(net, x, rate=0.15)
        return net
    return {GATED: ConvGRU, WINDOWS: Windows, REST: Rest}[arm]()


@torch.no_grad()
def error(net: nn.Module, samples: Samples) -> float:
    """End-point error in pixels per step."""
    x, y = samples
    return float(rv.losses.EndPointError()(net(x)[0], y.transpose(0, 1)))


def fitted(net: nn.Module, learn: Samples, valid: Samples, s: Settings, seed: int) -> nn.Module:
    """``net`` at its best epoch on the samples to choose by."""
    loss = rv.losses.EndPointError()
    optimizer = torch.optim.Adam(net.parameters(), 1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, s.epochs)
    generator, best = torch.Generator().manual_seed(seed), (math.inf, {})
    for _ in range(s.epochs):
        for part in torch.randperm(learn[0].shape[1], generator=generator).split(16):
            x, y = (z[:, part] for z in learn)
            optimizer.zero_grad()
            loss(net(x)[0], y.transpose(0, 1)).backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
        schedule.step()
        best = min(best, (error(net, valid), copy.deepcopy(net.state_dict())), key=lambda b: b[0])
    net.load_state_dict(best[1])
    return net


def measure(case: Case) -> dict[str, float]:
    """End-point errors on test samples, of all steps and of the third in which motion changes, and learnt parameters."""
    s = case.settings
    learn, valid, test = divided(s.learn, moving(case.seed, 2 * s.learn + s.learn // 2), axis=1)
    net = network(case.arm, case.seed, learn[0][:, :64])
    if case.arm != REST:
        net = fitted(net, learn, valid, s, case.seed)
    middle = test[1].clone()
    middle[: STEPS // 3] = middle[2 * STEPS // 3 :] = math.nan
    return {"error": error(net, test), "error around changes": error(net, (test[0], middle)), "parameters": learnt(net)}


recipe = Recipe(
    name="dense_flow", title="Optical flow in every step", papers=["S035"], citation="Ponghiran, Liyanagedera & Roy, ICCV 2023 (temporally dense optical flow)",
    claim="A spiking network with recurrence estimates the motion of every pixel in every step from events, better than without recurrence and better than one estimate for each window of events.",
    data="Generated: textures that move at 0.4 or 1 pixel a step before an event camera of 8 x 8 pixels for 24 steps; direction and speed change once, between steps 8 and 16. All pixels of a sample share their motion. A pixel counts from its first event on, and the first six steps do not. Of 960 samples, 384 are to learn from, 192 to choose the epoch by and 384 to report. No augmentation.",
    scale="2,100 parameters, one hidden layer; the paper has driving recordings of 640 x 480 pixels (DSEC) and U-Nets of LSTMs or spiking cells.",
    chosen="The rate of 0.01 is the first that was tried, on samples of another draw. View and network were made small enough for a run of minutes. Nothing else was compared.",
    methods={RECURRENT: "12 channels of cells with a convolution onto themselves"},
    baselines={
        FORWARD: "30 channels without recurrence: as many parameters",
        GATED: "one layer of gated units with convolutions",
        WINDOWS: "convolutions on the events of eight steps, whose answer holds for the same eight steps",
    },
    controls={REST: "the answer is 0 everywhere"},
    measures={"error": "pixels per step", "error around changes": "pixels per step", "parameters": ""},
    seeds=(1, 2, 3), settings=Settings(), quick={"learn": 32, "epochs": 1, "seeds": (1,)}, minutes=5, measure=measure,
    notes=["Error is the mean length of the difference between estimated and true motion. Changes lie in steps 8 to 15. A window sees all of its events before it answers, so its answer for the first steps of the window comes up to seven steps late; the other arms answer in each step."],
    expected=[
        Expect("recurrence helps", (RECURRENT, "error"), "<", (FORWARD, "error")),
        Expect("an answer in every step beats one a window", (RECURRENT, "error"), "<", (WINDOWS, "error")),
        Expect("also where motion changes", (RECURRENT, "error around changes"), "<", (WINDOWS, "error around changes")),
        Expect("the error is below two thirds of that of no motion", (RECURRENT, "error"), "<", (REST, "error"), times=2 / 3),
        Expect("it beats a ConvGRU", (RECURRENT, "error"), "<", (GATED, "error"), decides=False),
    ],
)  # fmt: skip
run = recipe.run
