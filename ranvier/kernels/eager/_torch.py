"""SymPy expressions as torch source: the words of the reference provider and of every prologue."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

import sympy as sp
import torch

from ranvier.dynamics.functions import exp, exprel, risen, sigmoid, steep
from ranvier.units.steps import ROUNDING

__all__ = ["compile_function", "source"]

Tensor = torch.Tensor


class _Fire(torch.autograd.Function):
    """A threshold crossing: forward the comparison, backward the jump's slope; differentiable twice."""

    @staticmethod
    def forward(ctx, a: Tensor, b: Tensor, crossing: Tensor, slope: Callable[[Tensor], Tensor]) -> Tensor:
        ctx.save_for_backward(a, b)
        ctx.slope = slope
        return crossing

    @staticmethod
    def backward(ctx, grad: Tensor):
        a, b = ctx.saved_tensors
        at = grad * ctx.slope(a - b)
        return at.sum_to_size(a.shape), (-at).sum_to_size(b.shape), None, None


_NEAR = 0.05
#: exprel as a series: 1/(k + 1)! for x^k
_EXPREL = tuple(1 / math.factorial(k + 1) for k in range(9))


def _exprel(x: Tensor) -> Tensor:
    """(exp(x) - 1)/x with the series where the derivatives of the quotient cancel; gradient safe on both branches."""
    small = x.abs() < _NEAR
    safe = torch.where(small, 1.0, x)
    last, *rest = _EXPREL[: 5 if x.dtype == torch.float32 else 9][::-1]
    series = x * last + rest[0]
    for coefficient in rest[1:]:
        series = series * x + coefficient
    return torch.where(small, series, torch.expm1(safe) / safe)


def _inverse_exprel(x: Tensor) -> Tensor:
    """1/exprel(x) = exp(-x)/exprel(-x), from numbers that do not overflow."""
    grows = x > 0
    size = torch.where(grows, x, 0.0)
    below = 1 / _exprel(torch.where(grows, -x, x))
    return torch.where(grows, torch.exp(-size) * below, below)


def _inverse_exprel_power(x: Tensor, power: float) -> Tensor:
    """exprel(x)^-power by its logarithm: the derivative of the power itself is infinite where 1/exprel(x) is 0."""
    return torch.exp(-power * (torch.where(x > 0, x, 0.0) + torch.log(_exprel(-x.abs()))))


def _sigmoid_power(x: Tensor, power: float) -> Tensor:
    """sigmoid(x)^power by its logarithm: the derivative of the power itself is infinite where sigmoid(x) is 0."""
    return torch.exp(power * torch.nn.functional.logsigmoid(x))


def _exp_power(x: Tensor, power: float) -> Tensor:
    """exp(x)^power; where it is below 1, as exp(power x), for the derivative of the power is infinite where exp(x) is 0."""
    rises = power * x > 0
    above = torch.exp(torch.where(rises, x, 0.0)) ** power
    return torch.where(rises, above, torch.exp(torch.where(rises, 0.0, power * x)))


def _dexprel(x: Tensor) -> Tensor:
    """The derivative of exprel, with its series where the difference cancels."""
    small = x.abs() < 1
    safe, near = torch.where(small, 1.0, x), torch.where(small, x, 0.0)
    series = torch.zeros_like(x)
    for k in range(13 if x.dtype == torch.float32 else 21, 1, -1):  # sum over k >= 2 of (k-1)/k! x^(k-2)
        series = series * near + (k - 1) / math.factorial(k)
    return torch.where(small, series, (torch.exp(safe) - torch.expm1(safe) / safe) / safe)


def _root(x: Tensor, power: float) -> Tensor:
    """x^power for a power between 0 and 1; its derivative counts as 0 at 0, where it is infinite, and below."""
    above = x > 0
    safe = torch.where(above, x, 1.0)
    found = torch.sqrt(safe) if power == 0.5 else safe**power
    return torch.where(above, found, torch.where(x == 0, 0.0, math.nan))


def _power(x: Tensor, power: Tensor | float) -> Tensor:
    """x^power; its derivative in x counts as 0 at 0 where it is infinite and the power is not."""
    power = _tensor(power, x)
    infinite = (x == 0) & (power >= 0) & (power < 1)
    at_zero = torch.where(power == 0, 1.0, 0.0)
    return torch.where(infinite, at_zero, torch.where(infinite, 1.0, x) ** power)


def _smaller(a: Tensor, b: Tensor) -> Tensor:
    """The smaller value; at a tie the first carries the whole gradient, as in the equation language."""
    return torch.where((a <= b) | torch.isnan(a), a, b)


def _larger(a: Tensor, b: Tensor) -> Tensor:
    """The larger value; at a tie the first carries the whole gradient, as in the equation language."""
    return torch.where((a >= b) | torch.isnan(a), a, b)


def _within(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """The inverse of sine or cosine; its derivative counts as 0 at -1 and 1, where it is infinite, and beyond."""
    inside = x.abs() < 1
    return torch.where(inside, function(torch.where(inside, x, 0.0)), function(x.detach()))


def _between(a: Tensor, b: Tensor) -> Tensor:
    """a - b, and 0 where rounding alone separates both."""
    apart = a - b
    return torch.where(apart.abs() <= ROUNDING * torch.maximum(a.abs(), b.abs()), torch.zeros_like(apart), apart)


def _settled(x: Tensor) -> Tensor:
    """x, or the whole number that rounding alone separates from it."""
    near = x.round()
    return torch.where((x - near).abs() <= ROUNDING * near.abs(), near, x)


_WORDS = {
    "exp": "torch.exp({0})", "expm1": "torch.expm1({0})", "log": "torch.log({0})", "log1p": "torch.log1p({0})",
    "sin": "torch.sin({0})", "cos": "torch.cos({0})", "tanh": "torch.tanh({0})", "sigmoid": "torch.sigmoid({0})",
    "arctan": "torch.atan({0})", "arcsin": "_within(torch.asin, {0})", "arccos": "_within(torch.acos, {0})", "erf": "torch.erf({0})",
    "exprel": "_exprel({0})", "dexprel": "_dexprel({0})", "absolute": "torch.abs({0})", "sign": "torch.sign({0})",
    "floor": "torch.floor({0})", "detach": "({0}).detach()", "nearest": "torch.round({0})", "minimum": "_smaller({0}, {1})",
    "maximum": "_larger({0}, {1})", "gt": "({0} > {1}).to(_like)", "ge": "({0} >= {1}).to(_like)",
    "eq": "({0} == {1}).to(_like)", "both": "({0} * {1})", "either": "torch.maximum({0}, {1})", "invert": "(1 - {0})",
    "between": "_between({0}, {1})", "settled": "_settled({0})",
    "angle": f"(torch.remainder({{0}} + {math.pi}, {2 * math.pi}) - {math.pi})",
    "select": "torch.where({0} != 0, {1}, {2})", "jump": "({0} * ({1} - {2}) + {2})",
}  # fmt: skip


#: whole numbers from here on are written as real ones, for torch takes none beyond 63 bits
_LARGEST = 2**53


def source(e: sp.Expr, name: Callable[[str], str] = str) -> str:
    """The expression as torch source, keeping the order of terms; numbers become tensors only where torch needs them."""
    if e.is_Symbol:
        return name(str(e))
    if e.is_Integer and abs(e) < _LARGEST:
        return str(e)
    if e.is_number and not e.has(sp.Function):
        return repr(float(e))
    if isinstance(e, sp.Add):
        return "(" + " + ".join(source(a, name) for a in e.args) + ")"
    if isinstance(e, sp.Mul):
        return "(" + " * ".join(source(a, name) for a in e.args) + ")"
    if isinstance(e, sp.Pow):
        base, power = e.args
        if power.is_number and not power.is_integer and (vanishing := _vanishing(base, power)) is not None:
            function, x, size = vanishing
            return f"{function}(_tensor({source(x, name)}, _like), {float(size)!r})"
        if steep(e):
            return f"_root(_tensor({source(base, name)}, _like), {float(power)!r})"
        if power == sp.Rational(1, 2):
            return f"torch.sqrt({source(base, name)})"
        if isinstance(base, exprel) and power.is_number and power < 0:
            return f"(_inverse_exprel(_tensor({source(base.args[0], name)}, _like)) ** {source(-power, name)})"
        if power.is_number and power < 0 and (x := risen(base)) is not None:
            return f"(torch.sigmoid(-_tensor({source(x, name)}, _like)) ** {source(-power, name)})"
        if power == -1:
            return f"(1 / {source(base, name)})"
        if power.is_number and power < 0:
            below = source(base, name)
            return (
                f"(1 / torch.sqrt({below}))"
                if power == sp.Rational(-1, 2)
                else f"(1 / ({below} ** {source(-power, name)}))"
            )
        if base.free_symbols and power.free_symbols:
            return f"_power(_tensor({source(base, name)}, _like), {source(power, name)})"
        return f"({source(base, name)} ** {source(power, name)})"
    word = e.func.__name__
    if word not in _WORDS:
        raise NotImplementedError(f"no torch form for {word}")
    args = [source(a, name) for a in e.args]
    if word in ("select", "jump", "minimum", "maximum", "either", "gt", "ge", "eq", "between"):
        args = [f"_tensor({t}, _like)" if a.is_number else t for t, a in zip(args, e.args, strict=True)]
    elif e.args[0].is_number:
        args = [f"_tensor({args[0]}, _like)"]
    if word == "jump":
        s, a, b = args
        return f"torch.where({s} != 0, {a}, {b}) + ({s} - {s}.detach()) * ({a} - {b})"
    return _WORDS[word].format(*args)


def _vanishing(base: sp.Expr, power: sp.Expr) -> tuple[str, sp.Expr, sp.Expr] | None:
    """(function, x, exponent) where the power tends to 0 with a derivative that torch's own power would make NaN."""
    while isinstance(base, sp.Pow) and base.args[1].is_number:
        base, power = base.args[0], power * base.args[1]
    if isinstance(base, exp):
        return "_exp_power", base.args[0], power
    if isinstance(base, sigmoid):
        return ("_sigmoid_power", base.args[0], power) if power > 0 else None
    if power > 0:
        return None
    if isinstance(base, exprel):
        return "_inverse_exprel_power", base.args[0], -power
    x = risen(base)
    return None if x is None else ("_sigmoid_power", -x, -power)


def _tensor(x: float | Tensor, like: Tensor) -> Tensor:
    return x if isinstance(x, Tensor) else torch.as_tensor(x, dtype=like.dtype, device=like.device)


def compile_function(label: str, lines: Iterable[str], extra: Mapping[str, object] | None = None) -> Callable:
    """Execute generated source and return the function called ``label``."""
    namespace = {
        "torch": torch,
        "_exprel": _exprel,
        "_inverse_exprel": _inverse_exprel,
        "_inverse_exprel_power": _inverse_exprel_power,
        "_exp_power": _exp_power,
        "_sigmoid_power": _sigmoid_power,
        "_dexprel": _dexprel,
        "_within": _within,
        "_root": _root,
        "_power": _power,
        "_smaller": _smaller,
        "_between": _between,
        "_settled": _settled,
        "_larger": _larger,
        "_fire": _Fire.apply,
        "_tensor": _tensor,
        **(extra or {}),
    }
    exec(compile("\n".join(lines), f"<ranvier {label}>", "exec"), namespace)
    return namespace[label]
