"""Blocks with memory: written out in torch, in single steps, saved, and with wrong arguments."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.signal import cont2discrete
from torch import nn

import ranvier as rv
from ranvier.errors import RanvierError
from ranvier.units import ms, mV

DT = 10 * ms


def streamed(**how) -> rv.Sequential:
    torch.manual_seed(0)
    embed = rv.blocks.causal_conv(5, 6, dt=DT), rv.ThresholdBatchNorm(6)
    return rv.Sequential(
        *embed, *rv.blocks.lmuformer(6, dt=DT, order=3, window=80 * ms), rv.LIF(6), rv.Linear(6, 3), dt=DT, **how
    )


def of_cells(**how) -> rv.Network:
    torch.manual_seed(0)
    return rv.blocks.lif_memory(
        5, 6, dt=DT, channels=2, order=3, window=80 * ms, seed=1, memory_cell=lambda: rv.LIF(V_th=0.5), **how
    )


def neuron(**how) -> rv.Network:
    torch.manual_seed(0)
    return rv.blocks.leaky_memory(6, 2, dt=1 * ms, memory=4, branches=3, seed=1, **how)


def drawn(steps: int, batch: int, size: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(steps, batch, size, generator=torch.Generator().manual_seed(3), dtype=dtype)


BLOCKS = {"LMUFormer": (streamed, 5), "LIF memory": (of_cells, 5), "leaky memory": (neuron, 6)}
EVERY = pytest.mark.parametrize(("make", "size"), BLOCKS.values(), ids=BLOCKS)


def test_a_causal_convolution_is_that_of_torch_on_a_padded_past() -> None:
    net = rv.Sequential(rv.blocks.causal_conv(5, 4, taps=4, dt=DT), dt=DT, dtype=torch.float64)
    x = drawn(20, 2, 5)
    taps = sorted((p for p in net.projections.values() if p.chain), key=lambda p: float(np.max(p.latency)))
    kernel = torch.stack([p.chain[0].weight for p in reversed(taps)], -1)
    expected = nn.functional.conv1d(nn.functional.pad(x.permute(1, 2, 0), (3, 0)), kernel).permute(2, 0, 1)
    torch.testing.assert_close(net(x)[0], expected)


def test_the_matrices_are_those_of_the_source() -> None:
    A, B = rv.blocks.legendre_matrices(3)
    assert A.tolist() == [[-1, -1, -1], [3, -3, -3], [-5, 5, -5]]
    assert B.tolist() == [1, -3, 5]
    ahead, entry, *_ = cont2discrete((A / 7, B[:, None] / 7, np.eye(3), np.zeros((3, 1))), 1.0, "zoh")
    held = rv.blocks.legendre_matrices(3, 7)
    np.testing.assert_allclose(held[0], ahead)
    np.testing.assert_allclose(held[1], entry[:, 0])


def test_a_memory_of_cells_written_out() -> None:
    net, x = of_cells(dtype=torch.float64), drawn(30, 2, 5) * 4
    weight = {n: p.chain[0].weight.detach() for n, p in net.projections.items()}
    bias = {n: p.chain[0].bias.detach() for n, p in net.projections.items() if p.chain[0].bias is not None}
    held = [torch.from_numpy(m) for m in rv.blocks.legendre_matrices(3, 8)]
    beta = float(torch.exp(torch.tensor(-10 / 20, dtype=torch.float64)))  # the time constant of rv.LIF

    def fire(v: torch.Tensor, current: torch.Tensor, level: float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
        v = beta * v + current
        spikes = (v > level).to(v)
        return v - level * spikes, spikes

    (v_u, v_m, v_h), m, h = (torch.zeros(2, n, dtype=torch.float64) for n in (2, 6, 6)), *torch.zeros(2, 2, 6).double()
    found = []
    for now in x:
        into = now @ weight["input_to_entry_x"].T + bias["input_to_entry_x"]
        v_u, u = fire(v_u, into + h @ weight["hidden_to_entry_x"].T + m @ weight["memory_to_entry_x"].T)
        channels = m.reshape(2, 2, 3) @ held[0].T + u[..., None] * held[1]
        v_m, m = fire(v_m, channels.reshape(2, 6), 0.5)
        into = now @ weight["input_to_hidden_x"].T + bias["input_to_hidden_x"] + h @ weight["hidden_to_hidden_x"].T
        v_h, h = fire(v_h, into + m @ weight["memory_to_hidden_x"].T)
        found.append(h)
    assert torch.equal(net(x)[0], torch.stack(found))
    assert 0.05 < torch.stack(found).mean() < 0.9


def test_only_weights_that_learn_get_a_gradient() -> None:
    net = of_cells()
    net(drawn(20, 3, 5).float() * 4)[0].sum().backward()
    fixed = {n for n, q in net.named_parameters() if not q.requires_grad}
    assert fixed == {"entry_to_memory_x.weight", "memory_to_memory_x.weight"}
    assert all(q.grad is not None for q in net.parameters() if q.requires_grad)


def test_a_leaky_memory_written_out() -> None:
    net, x = neuron(dtype=torch.float64), (drawn(30, 2, 6) > 0.5).double()
    q = dict(net.named_parameters())
    kept, fade = torch.exp(-1 / q["memory.tau"]), float(np.exp(-1 / 5))
    s, m, found = torch.zeros(2, 6).double(), torch.zeros(2, 4).double(), []
    first, back, second, last = (net.projections[n].chain[-1] for n in (
        "synapses_to_hidden_x", "memory_to_hidden_x", "hidden_to_memory_c", "memory_to_read_x"))  # fmt: skip
    for now in x:
        s = fade * s + now
        branches = (q["synapses.w"] * s).reshape(2, 3, 2).mean(2)
        c = second((first(branches) + back(m)).relu())
        m = kept * m + 5 * (1 - kept) * 1.7159 * torch.tanh(2 * c / 3)
        found.append(last(m))
    torch.testing.assert_close(net(x)[0], torch.stack(found))


@EVERY
@pytest.mark.parametrize("batch", [1, 7])
def test_single_steps_and_blocks_give_what_the_sequence_gives(make: Callable, size: int, batch: int) -> None:
    net, x = make(dtype=torch.float64).eval(), 2 * drawn(24, batch, size)
    with torch.no_grad():
        whole = net(x)[0]
        first, state = net(x[:9])
        single, memory = [], None
        for one in x:
            out, memory = net.step(one, memory)
            single.append(out)
    torch.testing.assert_close(torch.cat([first, net(x[9:], state)[0]]), whole)
    torch.testing.assert_close(torch.stack(single), whole)
    assert whole.std() > 0


@EVERY
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_reference_gives_the_same_output_and_gradient(make: Callable, size: int, dtype: torch.dtype) -> None:
    found = []
    for provider in ("cpu", "reference"):
        net = make(dtype=dtype, provider=provider).eval()
        out, _ = net(2 * drawn(16, 2, size, dtype))
        (out * drawn(16, 2, out.shape[-1], dtype)).sum().backward()
        found.append([out, *(q.grad for q in net.parameters() if q.grad is not None)])
    close = {"rtol": 1e-8, "atol": 1e-9} if dtype == torch.float64 else {"rtol": 1e-3, "atol": 1e-3}
    for mine, theirs in zip(*found, strict=True):
        torch.testing.assert_close(mine, theirs, **close)


@EVERY
def test_it_is_saved_and_loaded(make: Callable, size: int, tmp_path: Path) -> None:
    net, x = make().eval(), 2 * drawn(20, 2, size, torch.float32)
    rv.save(net, tmp_path / "net")
    assert torch.equal(rv.load(tmp_path / "net").eval()(x)[0], net(x)[0])


def test_a_stream_of_100000_steps_keeps_a_state_of_one_size() -> None:
    net = streamed().eval()
    sizes, state = set(), None
    with torch.no_grad():
        for _ in range(20):
            _, state = net(torch.rand(5_000, 1, 5), state)
            sizes.add(sum(t.numel() for t in _tensors(state.detach())))
    assert state is not None
    assert state.step == 100_000
    assert len(sizes) == 1


def _tensors(value: object) -> list[torch.Tensor]:
    """All tensors that a state holds."""
    if isinstance(value, torch.Tensor):
        return [value]
    inner = value.values() if isinstance(value, dict) else getattr(value, "__dict__", {}).values()
    return [t for one in (value if isinstance(value, list | tuple) else inner) for t in _tensors(one)]


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: rv.blocks.causal_conv(0, 4, dt=DT), "inputs=0"),
        (lambda: rv.blocks.causal_conv(4, 4, taps=0, dt=DT), "taps=0"),
        (lambda: rv.blocks.causal_conv(4, 4, dt=10), "dt=10 is not a time"),
        (lambda: rv.blocks.lmu(4, 2.5), "hidden=2.5"),
        (lambda: rv.blocks.lmu(4, 4, order=40), "from 1 to 12"),
        (lambda: rv.blocks.lmu(4, 4, window=3 * mV), "window"),
        (lambda: rv.blocks.lmuformer(-1, dt=DT), "width=-1"),
        (lambda: rv.blocks.lmuformer(4, dt=DT, expand=0), "expand=0"),
        (lambda: rv.blocks.legendre_matrices(0), "order=0"),
        (lambda: rv.blocks.lif_memory(4, 4, dt=DT, channels=0), "channels=0"),
        (lambda: rv.blocks.lif_memory(4, 4, dt=DT, order=1.5), "order=1.5"),
        (lambda: rv.blocks.lif_memory(4, 4, dt=DT, window=200), "window=200 is not a time"),
        (lambda: rv.blocks.lif_memory(4, 4, dt=DT, window=0 * ms), "window=0 ms must be one time of at least dt"),
        (lambda: rv.blocks.lif_memory(4, 4, dt=DT, window=-5 * ms), "at least dt"),
        (lambda: rv.blocks.lif_memory(4, 4, dt=0 * ms), "dt=0 ms must be one time above 0"),
        (lambda: rv.blocks.lif_memory(4, 4, dt=[1, 2] * ms), "dt=.* must be one time above 0"),
        (lambda: rv.Sequential(rv.blocks.causal_conv(4, 4, dt=DT), dt=1 * ms), "its delays are counted in its steps"),
        (lambda: rv.Sequential(*rv.blocks.lmuformer(4, dt=DT), dt=1 * ms), "its delays are counted in its steps"),
        (lambda: rv.blocks.lif_memory(4, 4, dt=DT, window=[100, 200] * ms), "must be one time"),
        (lambda: rv.blocks.legendre_matrices(4, -5), "steps=-5"),
        (lambda: rv.blocks.causal_conv(4, 4, dt=0 * ms), "dt=0 ms must be one time above 0"),
        (lambda: rv.blocks.leaky_memory(6, 2, dt=DT, branches=4), "cannot be divided into 4"),
        (lambda: rv.blocks.leaky_memory(6, 0, dt=DT), "outputs=0"),
        (lambda: rv.blocks.leaky_memory(6, 2, dt=DT, memory=0), "memory=0"),
        (lambda: rv.blocks.leaky_memory(6, 2, dt=DT, tau_s=5), "tau_s"),
        (lambda: rv.Sequential(rv.blocks.lif_memory(4, 4, dt=DT), dt=1 * ms), "dt"),
    ],
)
def test_wrong_arguments_are_refused(make: Callable, text: str) -> None:
    with pytest.raises(RanvierError, match=text):
        make()
