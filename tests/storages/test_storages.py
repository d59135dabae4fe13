"""Storages: codes by their definition, the same numbers in torch, kernels, C and NumPy, and the registry."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.kernels.cpu.events.products import sparse_linear, spike_linear
from ranvier.kernels.step import NumpyStep
from ranvier.kernels.tasks import pattern
from ranvier.storages import BFloat16, Float16, Float32, Int8, LowBits, Storage, StorageError, Stored, describe, rebuild
from tests.kernels.step.compiled import CompiledStep, needs_compiler

EVERY = pytest.mark.parametrize(
    "storage",
    [Float32(), Float16(), BFloat16(), Int8(), Int8("tensor"), Int8(symmetric=False), LowBits(4), LowBits(2, "tensor")],
    ids=str,
)
DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])


def weights(dtype: torch.dtype, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64).to(dtype)


class TestInt8:
    @DTYPES
    @pytest.mark.parametrize(("per", "axes"), [("post", (1, 2)), ("tensor", (0, 1, 2))])
    def test_symmetric_steps(self, dtype: torch.dtype, per: str, axes: tuple[int, ...]) -> None:
        w = weights(dtype, 4, 3, 5)
        found, plain = Int8(per).encode(w, 0), w.numpy()
        scale = np.abs(plain).max(axes, keepdims=True) / plain.dtype.type(127)
        codes = np.round(plain / scale)
        np.testing.assert_array_equal(found.codes.numpy(), codes)
        np.testing.assert_array_equal(found.decode().numpy(), codes.astype(plain.dtype) * scale)
        assert found.codes.dtype == torch.int8
        assert found.zero is None

    @DTYPES
    def test_steps_from_the_least_to_the_largest(self, dtype: torch.dtype) -> None:
        w = weights(dtype, 6, 50).abs()
        w[:, 0] = 0
        found = Int8(symmetric=False).encode(w, 0)
        step = w.max(1).values / 255
        assert torch.equal(found.zero.flatten(), torch.full_like(step, -128))
        torch.testing.assert_close(found.scale.flatten(), step, rtol=1e-6, atol=0)
        assert float((found.decode() - w).abs().max()) <= float(step.max()) * 0.5001
        assert bool((found.decode()[:, 0] == 0).all())
        mixed = Int8(symmetric=False).encode(weights(dtype, 6, 50), 0)
        assert bool((mixed.zero % 1 == 0).all())

    @DTYPES
    def test_a_scale_that_is_given(self, dtype: torch.dtype) -> None:
        w = 3 * weights(dtype, 4, 50)
        found = Int8(scale=1 / 32).encode(w, 0)
        assert torch.equal(found.decode(), (32 * w).round().clamp(-128, 127) / 32)
        assert found.zero is None
        assert rebuild(describe(Int8(scale=1 / 32))) == Int8(scale=1 / 32)

    def test_weights_that_are_no_numbers_stay_seen(self) -> None:
        w = torch.tensor([[1.0, torch.nan], [1.0, 2.0], [torch.inf, 0.0]])
        for storage in (Int8(), Int8(symmetric=False)):
            assert torch.isfinite(storage.encode(w, 0).decode()).all(1).tolist() == [False, True, False]
        assert torch.isnan(Int8(scale=1 / 32).encode(w, 0).decode()).all()  # one scale

    def test_no_weights_and_only_zeros(self) -> None:
        assert torch.equal(Int8().encode(torch.zeros(3, 2), 0).decode(), torch.zeros(3, 2))
        assert Int8().encode(torch.zeros(0)).decode().shape == (0,)

    def test_mistakes(self) -> None:
        with pytest.raises(StorageError, match="per='pre' is unknown"):
            Int8("pre")
        with pytest.raises(rv.errors.RanvierError, match="symmetric='no'"):
            Int8(symmetric="no")
        for wrong in (
            {"scale": 0.0},
            {"scale": -1.0},
            {"scale": float("nan")},
            {"scale": "1/32"},
            {"scale": True},
            {"scale": 0.1, "symmetric": False},
        ):
            with pytest.raises(StorageError, match="one number above 0"):
                Int8(**wrong)


class TestLowBits:
    @DTYPES
    @pytest.mark.parametrize("bits", [2, 3, 4, 7])
    @pytest.mark.parametrize(("per", "axes"), [("post", (1, 2)), ("tensor", (0, 1, 2))])
    def test_the_best_of_thirteen_scales(self, dtype: torch.dtype, bits: int, per: str, axes: tuple[int, ...]) -> None:
        w = weights(dtype, 4, 3, 5)
        found, plain, most = LowBits(bits, per).encode(w, 0), w.double().numpy(), 2 ** (bits - 1) - 1
        tried = [np.abs(plain).max(axes, keepdims=True) / most * k / 16 for k in range(16, 3, -1)]
        made = np.stack([np.round(plain / s).clip(-most, most) * s for s in tried])
        errors = np.square(made - plain).sum(tuple(a + 1 for a in axes), keepdims=True)
        own = np.square(found.decode().double().numpy() - plain).sum(axes, keepdims=True)
        np.testing.assert_allclose(own, errors.min(0), rtol=1e-4)
        assert int(found.codes.abs().max()) <= most
        assert found.codes.dtype == torch.int8

    def test_zeros_no_weights_and_no_numbers(self) -> None:
        assert torch.equal(LowBits().encode(torch.zeros(3, 2), 0).decode(), torch.zeros(3, 2))
        assert LowBits().encode(torch.zeros(0)).decode().shape == (0,)
        w = torch.tensor([[1.0, torch.nan], [1.0, 2.0], [torch.inf, 0.0]])
        assert torch.isfinite(LowBits().encode(w, 0).decode()).all(1).tolist() == [False, True, False]

    def test_more_bits_err_less(self) -> None:
        w = weights(torch.float32, 20, 30)
        errors = [float((LowBits(b).encode(w, 0).decode() - w).square().mean()) for b in range(2, 8)]
        assert errors == sorted(errors, reverse=True)
        clipped = Int8(scale=float(w.abs().max()) / 7).encode(w, 0).decode()
        assert errors[2] < float((clipped - w).square().mean())

    def test_mistakes(self) -> None:
        for bits in (1, 8, 4.0, True):
            with pytest.raises(StorageError, match="must be a whole number from 2 to 7"):
                LowBits(bits)  # pyright: ignore[reportArgumentType]
        with pytest.raises(StorageError, match="per='pre' is unknown"):
            LowBits(4, "pre")


@DTYPES
@pytest.mark.parametrize(("storage", "number"), [(BFloat16(), torch.bfloat16), (Float16(), torch.float16)])
def test_short_floats_are_rounded(storage: Storage, number: torch.dtype, dtype: torch.dtype) -> None:
    w = weights(dtype, 40, 30)
    assert torch.equal(storage.encode(w, 0).decode(), w.to(number).to(dtype))


@EVERY
@DTYPES
def test_kernels_read_every_code(storage: Storage, dtype: torch.dtype) -> None:
    """Spikes of one cell each bring its row of decoded weights, to the last bit."""
    wide = 8 * storage.code.itemsize
    codes = torch.arange(-(1 << 15), 1 << 15) if wide == 16 else torch.arange(-128, 128)
    if wide == 32:
        codes = weights(torch.float32, 1 << 12).view(torch.int32)
    codes = codes.to(storage.code).reshape(-1, 64)
    codes = codes[torch.isfinite(storage.numbers(codes)).all(1)]
    scale = storage.encode(weights(dtype, *codes.shape), 0).scale
    stored = Stored(storage, codes, scale, None if getattr(storage, "symmetric", True) else torch.round(scale * 1000))
    wanted = stored.decode()
    assert torch.equal(spike_linear(torch.eye(64, dtype=dtype), stored), wanted.t())
    pre, post = torch.nonzero(torch.ones(64, len(codes)), as_tuple=True)
    single = storage.encode(wanted.t().flatten())
    out = sparse_linear(torch.eye(64, dtype=dtype), pattern(pre, post, (64, len(codes))), single)
    assert torch.equal(out, single.decode().reshape(64, -1))


@EVERY
@DTYPES
@pytest.mark.parametrize("values", ["spikes", "graded"])
def test_sums_equal_those_of_decoded_floats(storage: Storage, dtype: torch.dtype, values: str) -> None:
    w, bias = weights(dtype, 70, 33), weights(dtype, 70)
    x = (weights(dtype, 5, 4, 33) > 0.5).to(dtype) * (1 if values == "spikes" else weights(dtype, 5, 4, 33))
    stored = storage.encode(w, 0)
    x, y = x.clone().requires_grad_(), x.clone().requires_grad_()
    found, wanted = spike_linear(x, stored, bias), spike_linear(y, stored.decode(), bias)
    assert torch.equal(found, wanted)
    found.square().sum().backward()
    wanted.square().sum().backward()
    assert torch.equal(x.grad, y.grad)


@needs_compiler
@EVERY
@DTYPES
def test_printed_steps_hold_the_codes(storage: Storage, dtype: torch.dtype, tmp_path: object) -> None:
    torch.manual_seed(2)
    net = rv.Sequential(
        rv.Conv2d(2, 4, 3, storage=storage), rv.LIF(), torch.nn.Flatten(), rv.Linear(36, 6, bias=False, storage=storage),
        rv.LIF(6), rv.Linear(6, 3, sign=1, storage=storage), rv.LeakyReadout(3), dt=rv.units.ms, dtype=dtype,
    )  # fmt: skip
    small = rv.store_weights(net)
    graph = rv.step_graph(small, shapes={"input": (2, 5, 5)})
    tables = {n: v.dtype.name for n, v in graph.constants.items() if n.endswith("_weight")}
    assert set(tables.values()) == {str(storage.code).removeprefix("torch.")}
    plain, compiled = NumpyStep(graph), CompiledStep(graph, tmp_path)
    (source,), (output,) = ((b.name for b in graph.of(role)) for role in ("input", "output"))
    x = (torch.rand(12, 1, 2, 5, 5) < 0.5).to(dtype)
    wanted = small(x)[0][:, 0].detach().numpy()
    for n, row in enumerate(x[:, 0].numpy()):
        one, other = plain.step({source: row})[output], compiled.step({source: row})[output]
        np.testing.assert_array_equal(one, other)
        np.testing.assert_allclose(one, wanted[n], rtol=2e-5 if dtype == torch.float32 else 1e-12, atol=1e-6)


@dataclass(frozen=True)
class Halves(Storage):
    """Multiples of a half; kernels do not read it."""

    name = "halves"
    code = torch.int8

    def encode(self, weight: torch.Tensor, output: int | None = None) -> Stored:
        return Stored(self, torch.round(2 * weight).to(self.code), weight.new_full((1,) * weight.ndim, 0.5))

    def numbers(self, codes: torch.Tensor) -> torch.Tensor:
        return codes.float()


class TestRegistry:
    @EVERY
    def test_a_file_holds_every_storage(self, storage: Storage) -> None:
        assert rebuild(describe(storage)) == storage

    def test_mistakes(self) -> None:
        with pytest.raises(StorageError, match=r"call rv\.storages\.register"):
            describe(Halves())
        with pytest.raises(StorageError, match="'int5' is unknown: known are 'float32'"):
            rebuild({"kind": "int5"})
        with pytest.raises(StorageError, match="has no options"):
            rebuild({"kind": "int8", "width": 3})
        with pytest.raises(StorageError, match="known already"):
            rv.storages.register(dataclass(frozen=True)(type("Other", (Int8,), {})))
        with pytest.raises(StorageError, match="is no storage"):
            rv.storages.register(int)
        with pytest.raises(StorageError, match="no registered storage"):
            rv.storages.withdraw("int8")

    def test_one_that_kernels_cannot_read_is_decoded(self, tmp_path: object) -> None:
        net = rv.Sequential(rv.Linear(40, 64, storage=Halves()), rv.LIF(64), dt=rv.units.ms)
        small = rv.store_weights(net)
        x = (torch.rand(20, 5, 40) < 0.3).float()
        assert "halves weights are decoded for each call" in str(small.plan(steps=20, batch=5))
        assert torch.equal(net(x)[0], small(x)[0])
        rv.storages.register(Halves)
        try:
            rv.save(small, tmp_path / "net")
            assert torch.equal(rv.load(tmp_path / "net")(x)[0], small(x)[0])
        finally:
            rv.storages.withdraw("halves")
