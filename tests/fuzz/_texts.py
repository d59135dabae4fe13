"""Random equation texts: expressions of a grammar, and texts of models with random damage."""

from __future__ import annotations

import random

__all__ = ["MODELS", "damaged", "expression"]

_FUNCTIONS = [
    "exp",
    "expm1",
    "exprel",
    "log",
    "log1p",
    "log10",
    "sin",
    "cos",
    "tan",
    "sinh",
    "cosh",
    "tanh",
    "sigmoid",
    "sqrt",
    "abs",
    "sign",
    "floor",
    "ceil",
    "round",
    "mod",
    "rand",
]
_NUMBERS = [
    "0",
    "1",
    "2",
    "-1",
    "0.1",
    "1e-30",
    "1e30",
    "1e299",
    "1e999",
    "40",
    "3000",
    "9**9**9",
    "1j",
    "0x10",
    "1_000",
    ".5",
    "00",
    "'a'",
    "None",
    "True",
    "inf",
    "nan",
]
_NAMES = [
    "v",
    "w",
    "x",
    "y",
    "k",
    "tau",
    "t",
    "dt",
    "xi",
    "pi",
    "mV",
    "ms",
    "nA",
    "msiemens",
    "u_",
    "lambda",
    "rand",
    "lastspike",
    "not_refractory",
    "farad",
    "__class__",
]
_OPERATORS = [
    "+",
    "-",
    "*",
    "/",
    "**",
    "%",
    "//",
    "|",
    "&",
    "^",
    "@",
    "<<",
    ">",
    "<",
    ">=",
    "==",
    "!=",
    "and",
    "or",
    ",",
    "=",
    ":",
    ";",
    "->",
    ":=",
]

#: (equations, threshold, reset)
MODELS = (
    ("dv/dt = (E - v + x*mV)/tau : mV\ndx/dt = -x/(5*ms) : 1", "v > 2*mV", "v = 0*mV; x += 1"),
    (
        "dv/dt = (g*m**3*(E - v) + I)/C : mV\nm = a/(a + b) : 1\na = 0.1*(v/mV + 40)/(1 - exp(-0.1*(v/mV + 40)))/ms : kHz\n"
        "b = 4*exp(-(v + 65*mV)/(18*mV))/ms : kHz\ng = 2*uS : uS\nC = 1*nF : nF\nI : nA (input)", "v > -20*mV", "v = -60*mV",
    ),
    ("v' = where(v > 1 and not v < -1, clip(v, 0, 1), v*sinh(w)) : 1\nw = exprel(v)/tanh(v) : 1", "w > 1 or v > 3", "v = w"),
    ("\n".join(["dv/dt = x_12/ms : 1", "x_0 = v : 1", *(f"x_{k + 1} = x_{k}*sin(x_{k}) : 1" for k in range(12))]), "x_9 > 1", ""),
)  # fmt: skip


def expression(rng: random.Random, depth: int = 5) -> str:
    """A random expression; most have the form of one that means something."""
    kind = rng.random()
    if depth == 0 or kind < 0.25:
        return (
            rng.choice(["0", "1", "2", "0.1", "40", "3000", "1e-30", "1e30", "1e299", ".5"])
            if rng.random() < 0.3
            else rng.choice("vvvwxxyk" + rng.choice("vt"))
        )
    if kind < 0.5:
        return f"{rng.choice(_FUNCTIONS[:16])}({expression(rng, depth - 1)})"
    if kind < 0.58:
        return f"({expression(rng, depth - 1)})**{rng.choice(['2', '3', '0.5', '-1', '-2', '7', '300', '2000', '99999', 'v'])}"
    if kind < 0.64:
        inner = expression(rng, depth - 1)
        return rng.choice(
            ["({0})/(exp({0}) - 1)", "(1 - exp(-({0})))/({0})", "{0}/tanh({0})", "({0})/sinh(2*({0}))"]
        ).format(inner)
    operator = rng.choice(["+", "-", "*", "/", "*", "-"])
    return f"({expression(rng, depth - 1)} {operator} {expression(rng, depth - 1)})"


def damaged(text: str, rng: random.Random) -> str:
    """The text after one to three random changes."""
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        a, b = sorted(rng.randint(0, len(text)) for _ in range(2))
        part = text[a : min(b, a + 30)]
        new = rng.choice(
            [
                "", part * rng.choice([2, 2, 50, 400]), rng.choice(_OPERATORS), rng.choice(_NAMES), rng.choice(_NUMBERS),
                f"({part})" * rng.choice([1, 2]), "(" * rng.choice([1, 80, 500]), ")", "-" * rng.choice([1, 70, 3000]),
                f"{rng.choice(_FUNCTIONS)}({part})", f" {rng.choice(_OPERATORS)} ({expression(rng, 3)})", "\n", " : 1\n",
                "__import__('os').abort()", "[v for v in (1,)]", chr(rng.randint(0, 0x2FFF)), "1" * rng.choice([3, 400, 6000]),
            ]
        )  # fmt: skip
        text = text[:a] + new + text[a + len(part) :]
    return text
