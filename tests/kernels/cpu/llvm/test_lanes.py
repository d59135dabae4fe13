"""The vector layer: accuracy against extended precision, special values, masks, memory."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from llvmlite import ir

from ranvier.errors import ProviderError
from ranvier.kernels.cpu.llvm.jit import compile_kernel
from ranvier.kernels.cpu.llvm.lanes import Lanes
from ranvier.kernels.cpu.llvm.processor import has_feature

I64 = ir.IntType(64)
DTYPES = ("float32", "float64")
RNG = np.random.default_rng(5)
Body = Callable[..., ir.Value]

needs_long_double = pytest.mark.skipif(
    np.finfo(np.longdouble).nmant < 60, reason="this platform has no extended precision to compare with"
)
wide_or_not = pytest.mark.parametrize(
    "wide", [False, pytest.param(True, marks=pytest.mark.skipif(not has_feature("avx512f"), reason="no AVX-512"))]
)


def kernel_text(
    body: Callable[[Lanes, list[ir.Value], ir.Value], None], dtype: str, count: int, **options: bool
) -> str:
    """A kernel ``k`` around ``body(lanes, pointers, integer 0)``."""
    module = ir.Module("test")
    tables = [ir.IntType(8).as_pointer().as_pointer(), I64.as_pointer(), ir.DoubleType().as_pointer()]
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), tables), "k")
    builder = ir.IRBuilder(function.append_basic_block())
    lanes = Lanes(builder, dtype, **options)
    entries = [builder.load(builder.gep(function.args[0], [I64(i)])) for i in range(count)]
    pointers = [builder.bitcast(entry, lanes.scalar.as_pointer()) for entry in entries]
    body(lanes, pointers, builder.load(function.args[1]))
    builder.ret_void()
    return str(module)


def run(body: Body, dtype: str, *inputs: object, **options: bool) -> np.ndarray:
    """``body`` on whole arrays, one vector at a time."""

    def loop(lanes: Lanes, pointers: list[ir.Value], size: ir.Value) -> None:
        b = lanes.builder
        before, head, end = b.block, b.append_basic_block(), b.append_basic_block()
        b.branch(head)
        b.position_at_end(head)
        i = b.phi(I64)
        lanes.store(pointers[0], i, body(lanes, *(lanes.load(p, i) for p in pointers[1:])))
        following = b.add(i, I64(lanes.width))
        i.add_incoming(I64(0), before)
        i.add_incoming(following, b.block)
        b.cbranch(b.icmp_signed("<", following, size), head, end)
        b.position_at_end(end)

    arrays = np.broadcast_arrays(*(np.asarray(x, dtype) for x in inputs))
    size = arrays[0].size
    padded = [np.concatenate([a.ravel(), np.ones(-size % 16, dtype)]) for a in arrays]
    out = np.empty_like(padded[0])
    tables = [out, *padded]
    compile_kernel("k", kernel_text(loop, dtype, len(tables), **options))([t.ctypes.data for t in tables], [out.size])
    return out[:size]


def ulps(got: np.ndarray, exact: np.ndarray) -> float:
    """The largest distance in units of the last place; infinite where only one of both is finite."""
    with np.errstate(all="ignore"):
        rounded = exact.astype(got.dtype)
        distance = np.abs(got.astype(np.longdouble) - exact) / np.spacing(np.abs(rounded))
    finite = np.isfinite(rounded)
    same = (got == rounded) | (np.isnan(got) & np.isnan(rounded))
    return float(np.where(finite & np.isfinite(got), distance, np.where(same, 0, np.inf)).max())


def arguments(dtype: str, low: float, high: float, *, tiny: bool = True) -> np.ndarray:
    """Uniform, small and very small numbers of both signs within the bounds."""
    smallest = math.log(float(np.finfo(dtype).smallest_subnormal))
    small = np.exp(RNG.uniform(smallest if tiny else -30, 0, 20_000)) * RNG.choice([-1, 1], 20_000)
    near = RNG.uniform(-3, 3, 40_000)
    x = np.concatenate([RNG.uniform(low, high, 40_000), near, small, [0.0, 1.0, -1.0]]).astype(dtype)
    return x[(x >= low) & (x <= high)]


def slope_of_exprel(x: np.ndarray) -> np.ndarray:
    series, term = np.zeros_like(x), np.full_like(x, 0.5)
    with np.errstate(all="ignore"):
        for k in range(40):
            series += term
            term = term * x * (k + 2) / ((k + 3) * (k + 1))
        return np.where(np.abs(x) < 2, series, (np.exp(x) - np.expm1(x) / x) / x)


def exprel(x: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return np.where(x == 0, 1, np.expm1(x) / np.where(x == 0, 1, x))


def sigmoid(x: np.ndarray) -> np.ndarray:
    decay = np.exp(-np.abs(x))
    return np.where(x < 0, decay, 1) / (1 + decay)


EXACT: dict[str, tuple[Callable, tuple[float, float], tuple[float, float], float]] = {
    "exp": (np.exp, (-110, 95), (-760, 715), 1.0),
    "expm1": (np.expm1, (-110, 95), (-760, 715), 2.0),
    "exprel": (exprel, (-1e4, 97), (-1e4, 720), 2.0),
    "dexprel": (slope_of_exprel, (-1e4, 97), (-1e4, 720), 2.0),
    "log": (np.log, (0, 1e6), (0, 1e6), 1.0),
    "log1p": (np.log1p, (-1, 1e6), (-1, 1e6), 1.0),
    "tanh": (np.tanh, (-12, 12), (-25, 25), 2.0),
    "sigmoid": (sigmoid, (-110, 95), (-760, 760), 2.0),
    "sin": (np.sin, (-1e5, 1e5), (-1e5, 1e5), 2.0),
    "cos": (np.cos, (-1e5, 1e5), (-1e5, 1e5), 2.0),
}


class TestAccuracy:
    @needs_long_double
    @wide_or_not
    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("name", EXACT)
    def test_against_extended_precision(self, name: str, dtype: str, wide: bool) -> None:
        exact, single, double, bound = EXACT[name]
        x = arguments(dtype, *(single if dtype == "float32" else double))
        with np.errstate(all="ignore"):
            expected = exact(x.astype(np.longdouble))
        assert ulps(run(lambda k, a: getattr(k, name)(a), dtype, x, wide=wide), expected) <= bound

    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("name", ["exp", "expm1", "log", "log1p", "tanh", "sin", "cos"])
    def test_against_many_digits(self, name: str, dtype: str) -> None:
        x = RNG.uniform(0.01, 80, 100).astype(dtype)
        with mpmath.workdps(40):
            expected = np.array([float(getattr(mpmath, name)(mpmath.mpf(float(v)))) for v in x])
        got = run(lambda k, a: getattr(k, name)(a), dtype, x)
        np.testing.assert_allclose(got, expected, rtol=4 * np.finfo(dtype).eps)

    @needs_long_double
    @pytest.mark.parametrize("dtype", DTYPES)
    def test_next_to_multiples_of_half_pi(self, dtype: str) -> None:
        x = (RNG.integers(-60_000, 60_000, 20_000) * (np.pi / 2)).astype(dtype)
        with mpmath.workdps(60):
            for name in ("sin", "cos"):
                expected = [mpmath.nstr(getattr(mpmath, name)(mpmath.mpf(float(v))), 25) for v in x[:2000]]
                got = run(lambda k, a, name=name: getattr(k, name)(a), dtype, x)[:2000]
                assert ulps(got, np.array(expected, np.longdouble)) <= 4

    @needs_long_double
    @pytest.mark.parametrize("dtype", DTYPES)
    def test_logarithms_over_the_whole_range(self, dtype: str) -> None:
        limits = np.finfo(dtype)
        bounds = math.log(float(limits.smallest_subnormal)), math.log(float(limits.max))
        x = np.exp(RNG.uniform(*bounds, 50_000)).astype(dtype)
        for name, exact in (("log", np.log), ("log1p", np.log1p)):
            got = run(lambda k, a, name=name: getattr(k, name)(a), dtype, x)
            assert ulps(got, exact(x.astype(np.longdouble))) <= 1

    @needs_long_double
    def test_power_in_single_precision_is_nearly_exact(self) -> None:
        x, y = np.exp(RNG.uniform(-20, 20, 50_000)).astype("f4"), RNG.uniform(-8, 8, 50_000).astype("f4")
        with np.errstate(all="ignore"):
            expected = x.astype(np.longdouble) ** y
        assert ulps(run(lambda k, a, b: k.power(a, b), "float32", x, y), expected) <= 1

    @pytest.mark.parametrize("dtype", DTYPES)
    @given(n=st.integers(-12, 40))
    def test_whole_powers(self, dtype: str, n: int) -> None:
        x = np.linspace(0.5, 1.5, 32).astype(dtype)
        got = run(lambda k, a: k.power_int(a, n), dtype, x)
        np.testing.assert_allclose(got, x.astype(np.longdouble) ** n, rtol=2 * np.finfo(dtype).eps)


class TestSpecialValues:
    inf, nan = np.inf, np.nan

    @wide_or_not
    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize(
        ("name", "x", "expected"),
        [
            ("exp", [0, inf, -inf, nan, 1e4, -1e4], [1, inf, 0, nan, inf, 0]),
            ("expm1", [0, inf, -inf, nan, 1e4, -1e4], [0, inf, -1, nan, inf, -1]),
            ("exprel", [0, inf, -inf, nan, 1e4, -1e9], [1, inf, 0, nan, inf, 1e-9]),
            ("dexprel", [0, inf, -inf, nan, 1e4, -1e9], [0.5, inf, 0, nan, inf, 1e-18]),
            ("log", [0, inf, -inf, nan, 1, -1], [-inf, inf, nan, nan, 0, nan]),
            ("log1p", [0, inf, -inf, nan, -1, -2], [0, inf, nan, nan, -inf, nan]),
            ("tanh", [0, inf, -inf, nan, 1e4, -1e4], [0, 1, -1, nan, 1, -1]),
            ("sigmoid", [0, inf, -inf, nan, 1e4, -1e4], [0.5, 1, 0, nan, 1, 0]),
            ("sin", [0, inf, -inf, nan], [0, nan, nan, nan]),
            ("cos", [0, inf, -inf, nan], [1, nan, nan, nan]),
            ("sqrt", [4, inf, -1, nan], [2, inf, nan, nan]),
            ("floor", [1.5, -1.5, inf, nan], [1, -2, inf, nan]),
            ("round", [0.5, 1.5, -2.5, nan], [0, 2, -2, nan]),
            ("absolute", [-2, 2, -inf, nan], [2, 2, inf, nan]),
            ("neg", [-2, 2, -inf, nan], [2, -2, inf, nan]),
        ],
    )
    def test_function(self, name: str, x: list[float], expected: list[float], dtype: str, wide: bool) -> None:
        got = run(lambda k, a: getattr(k, name)(a), dtype, x, wide=wide)
        np.testing.assert_allclose(got, np.array(expected, dtype), rtol=1e-6)

    @pytest.mark.parametrize("dtype", DTYPES)
    def test_power(self, dtype: str) -> None:
        inf, nan = np.inf, np.nan
        x = [0, 0, 0, -2, -2, -2, nan, 1, 1, 2, inf, 0.5, -1, nan, 2]
        y = [2, -1, 0, 3, 2, 0.5, 0, nan, inf, inf, -1, inf, inf, 2, nan]
        expected = [0, inf, 1, -8, 4, nan, 1, 1, 1, inf, 0, 0, 1, nan, nan]
        np.testing.assert_allclose(run(lambda k, a, b: k.power(a, b), dtype, x, y), expected, rtol=1e-6)

    @pytest.mark.parametrize("dtype", DTYPES)
    def test_subnormal_results_are_gradual(self, dtype: str) -> None:
        x = np.linspace(-103, -88, 64) if dtype == "float32" else np.linspace(-744, -710, 64)
        got = run(lambda k, a: k.exp(a), dtype, x)
        assert (got > 0).all()
        assert (np.diff(got) >= 0).all()
        assert np.unique(got).size > 50

    @pytest.mark.parametrize("dtype", DTYPES)
    def test_a_nan_in_the_first_operand_stays(self, dtype: str) -> None:
        a, b = [np.nan, 1, 2, 3], [1, np.nan, 3, 2]
        np.testing.assert_array_equal(run(lambda k, p, q: k.minimum(p, q), dtype, a, b), [np.nan, 1, 2, 2])
        np.testing.assert_array_equal(run(lambda k, p, q: k.maximum(p, q), dtype, a, b), [np.nan, 1, 3, 3])


class TestOperations:
    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize(
        ("name", "function"), [("add", np.add), ("sub", np.subtract), ("mul", np.multiply), ("div", np.divide)]
    )
    def test_arithmetic_is_exactly_rounded(self, name: str, function: np.ufunc, dtype: str) -> None:
        a, b = RNG.normal(size=(2, 64)).astype(dtype)
        np.testing.assert_array_equal(run(lambda k, p, q: getattr(k, name)(p, q), dtype, a, b), function(a, b))

    def test_fma_rounds_once(self) -> None:
        a = 1 + np.float64(2.0**-30)
        got = run(lambda k, p, q, r: k.fma(p, q, r), "float64", [a], [a], [-1 - 2.0**-29])
        assert got[0] == 2.0**-60

    @given(coefficients=st.lists(st.floats(-2, 2), min_size=1, max_size=9))
    def test_polynomial(self, coefficients: list[float]) -> None:
        x = np.linspace(-1, 1, 16)
        expected = np.polynomial.polynomial.polyval(x, coefficients)
        np.testing.assert_allclose(run(lambda k, a: k.polynomial(a, coefficients), "float64", x), expected, atol=1e-14)

    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("name", ["lt", "le", "gt", "ge", "eq", "ne"])
    def test_comparisons(self, name: str, dtype: str) -> None:
        a, b = [1, 2, 3, np.nan, 1, np.nan], [2, 2, 2, 1, np.nan, np.nan]
        expected = [float(getattr(float, f"__{name}__")(float(p), float(q))) for p, q in zip(a, b, strict=True)]
        got = run(lambda k, p, q: k.to_float(getattr(k, name)(p, q)), dtype, a, b)
        np.testing.assert_array_equal(got, expected)

    def test_masks(self) -> None:
        def body(k: Lanes, a: ir.Value, b: ir.Value) -> ir.Value:
            p, q = k.nonzero(a), k.nonzero(b)
            digits = (k.both(p, q), k.either(p, q), k.negate_mask(p))
            total = k.constant(0)
            for digit in digits:
                total = k.add(k.mul(total, k.constant(2)), k.to_float(digit))
            return k.select(p, k.add(total, k.constant(0.5)), total)

        got = run(body, "float32", [0, 0, 1, 1, np.nan], [0, 1, 0, 1, 1])
        np.testing.assert_array_equal(got, [1, 3, 2.5, 6.5, 6.5])

    @pytest.mark.parametrize(("dtype", "width"), [("float32", 16), ("float64", 8)])
    def test_horizontal(self, dtype: str, width: int) -> None:
        def body(k: Lanes, pointers: list[ir.Value], count: ir.Value) -> None:
            b = k.builder
            x = k.load(pointers[1], I64(0))
            mask = k.both(k.nonzero(x), k.first(count))
            numbers = [b.uitofp(v, k.scalar) for v in (k.bits(mask), k.any(mask))]
            for i, number in enumerate([k.sum(x), *numbers]):
                b.store(number, b.gep(pointers[0], [I64(i)]))

        kernel = compile_kernel("k", kernel_text(body, dtype, 2))
        out = np.zeros(3, dtype)
        x = np.arange(width).astype(dtype)
        for count in (*range(width + 2), 1 << 31, (1 << 32) + 3):
            kernel([out.ctypes.data, x.ctypes.data], [count])
            bits = sum(1 << i for i in range(1, min(count, width)))
            np.testing.assert_array_equal(out, [x.sum(), bits, bits != 0])

    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("x", [0.1, 1 / 3, 1e-40, -2.5e-45, 3e38, math.inf, math.pi])
    def test_constants_are_rounded_once(self, x: float, dtype: str) -> None:
        assert run(lambda k, a: k.constant(x), dtype, [0.0])[0] == np.dtype(dtype).type(x)

    def test_a_constant_too_large_is_refused(self) -> None:
        with pytest.raises(ProviderError, match=r"1e\+40 does not fit in float32"):
            run(lambda k, a: k.constant(1e40), "float32", [0.0])

    def test_an_unknown_type_is_refused(self) -> None:
        with pytest.raises(ProviderError, match="float16"):
            Lanes(ir.IRBuilder(), "float16")

    def test_nothing_may_be_assumed_finite(self) -> None:
        text = kernel_text(lambda k, p, n: k.store(p[0], n, k.exp(k.load(p[0], n))), "float32", 1)
        assert not any(f" {flag} " in text for flag in ("fast", "nnan", "ninf", "reassoc", "afn"))


class TestMemory:
    @pytest.mark.parametrize(("dtype", "width"), [("float32", 16), ("float64", 8)])
    @pytest.mark.parametrize("offset", [0, 1, 5])
    def test_any_offset_and_any_tail(self, offset: int, dtype: str, width: int) -> None:
        def body(k: Lanes, pointers: list[ir.Value], count: ir.Value) -> None:
            mask = k.first(count)
            k.store(pointers[0], I64(offset), k.load(pointers[1], I64(offset), mask=mask), mask=mask)
            k.store(pointers[2], I64(offset), k.load(pointers[1], I64(offset), mask=mask))

        kernel = compile_kernel("k", kernel_text(body, dtype, 3))
        x = np.arange(1, 40).astype(dtype)
        for count in range(width + 1):
            tail, whole = np.full(40, -1, dtype), np.full(40, -1, dtype)
            kernel([tail.ctypes.data, x.ctypes.data, whole.ctypes.data], [count])
            part, vector = slice(offset, offset + count), slice(offset, offset + width)
            expected = np.full(40, -1, dtype)
            expected[part] = x[part]
            np.testing.assert_array_equal(tail, expected)
            expected[vector] = np.where(np.arange(width) < count, x[vector], 0)
            np.testing.assert_array_equal(whole, expected)

    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("known", [True, False])
    def test_streaming(self, dtype: str, known: bool) -> None:
        def body(k: Lanes, pointers: list[ir.Value], flag: ir.Value) -> None:
            chosen = True if known else k.builder.icmp_signed("!=", flag, I64(0))
            k.store(pointers[0], I64(0), k.broadcast(pointers[1], I64(2)), streaming=chosen)

        text = kernel_text(body, dtype, 2)
        assert "!nontemporal" in text
        memory = np.zeros(64, dtype)
        start = -memory.ctypes.data % 64 // memory.itemsize
        x = np.arange(3).astype(dtype)
        for flag in (0, 1):
            memory[:] = 0
            compile_kernel("k", text)([memory[start:].ctypes.data, x.ctypes.data], [flag])
            np.testing.assert_array_equal(memory[start : start + 64 // memory.itemsize], 2)

    def test_splat_converts(self) -> None:
        def body(k: Lanes, a: ir.Value) -> ir.Value:
            return k.add(a, k.splat(ir.Constant(ir.DoubleType(), 0.1)))

        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert run(body, "float32", [0.0])[0] == np.float32(0.1)


@pytest.mark.parametrize("dtype", DTYPES)
@wide_or_not
def test_masks_are_packed_into_bits_and_unpacked(dtype, wide):
    def body(lanes: Lanes, pointers: list[ir.Value], zero: ir.Value) -> None:
        b, kind = lanes.builder, ir.IntType(lanes.width)
        bits, less, back = (b.bitcast(p, kind.as_pointer()) for p in pointers[2:])
        positive = lanes.gt(lanes.load(pointers[0], zero), lanes.constant(0.0))
        kept = lanes.unpacked(b.load(bits))
        b.store(lanes.packed_without(b.load(bits), positive), less)
        b.store(lanes.packed(positive), back)
        lanes.store(pointers[1], zero, lanes.to_float(kept))

    width = 16 if dtype == "float32" else 8
    kernel = compile_kernel("k", kernel_text(body, dtype, 5, wide=wide))
    for _ in range(20):
        x, held = RNG.normal(size=width).astype(dtype), RNG.integers(0, 2, width)
        out, packed = np.zeros(width, dtype), np.packbits(held.astype(np.uint8), bitorder="little")
        less, positive = np.zeros_like(packed), np.zeros_like(packed)
        kernel([a.ctypes.data for a in (x, out, packed, less, positive)], [0])
        assert (out == held).all()
        assert (np.unpackbits(positive, bitorder="little")[:width] == (x > 0)).all()
        assert (np.unpackbits(less, bitorder="little")[:width] == (held & (x <= 0))).all()
