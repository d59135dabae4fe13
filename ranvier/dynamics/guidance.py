"""Replacements for words of other simulators that the equation language lacks."""

from __future__ import annotations

import ast
import keyword
import re

__all__ = ["FLAGS_ELSEWHERE", "NAMES_ELSEWHERE", "OPERATORS_ELSEWHERE", "python_word"]

#: a function or name of Brian2, NEST or NumPy -> its replacement
NAMES_ELSEWHERE = {
    "fmod": "write mod(x, y) instead, whose sign is that of y",
    "rint": "write round(x) instead",
    "trunc": "write sign(x)*floor(abs(x)) instead",
    "fabs": "write abs(x) instead",
    "ceiling": "write ceil(x) instead",
    "atan": "write arctan(x) instead",
    "arctan2": "write 2*arctan(y/(x + sqrt(x**2 + y**2))) instead",
    "asin": "write arcsin(x) instead",
    "acos": "write arccos(x) instead",
    "erfc": "write 1 - erf(x) instead",
    "ln": "write log(x) instead, the natural logarithm",
    "log2": "write log(x)/log(2) instead",
    "exp2": "write 2**x instead",
    "arcsinh": "write log(x + sqrt(x**2 + 1)) instead",
    "arctanh": "write 0.5*log((1 + x)/(1 - x)) instead",
    "min": "write minimum(a, b) instead",
    "max": "write maximum(a, b) instead",
    "heaviside": "write int(x > 0) instead",
    "ifelse": "write where(condition, a, b) instead",
    "bool": "write int(condition) instead",
    "float": "leave it out: every value is a real number",
    "rand": "draw initial values with rv.Uniform(a, b) or a text, v='-60*mV + 5*mV*rand()', and noise with xi in an equation; in "
    "on_pre of rv.Plasticity the name rand without brackets is a random number between 0 and 1",
    "randn": "draw initial values with rv.Normal(mean, std) or a text, v='-60*mV + 5*mV*randn()', and write noise as xi in an "
    "equation: dx/dt = … + sigma*xi",
    "poisson": "connect a source of spikes instead: rv.Poisson(rate, size), with trains= for the sum of many",
    "timestep": "write round(t/dt) instead, or compare times",
    "inf": "write a large finite number instead, such as 1e30",
    "nan": "write a finite number instead, and tell cases apart with where(condition, a, b)",
    "e": "write exp(1) instead",
    "lastspike": "keep the time yourself: the equation \"t_last' = t_last : ms\" and the statement 't_last = t' in reset=",
    "not_refractory": "flag the variable (unless refractory), or write where(t > t_last + t_ref, …) with a time of your own",
    "i": "pass an array with one value per cell as a parameter; in the text of an initial value i is the index of the cell",
    "j": "pass an array with one value per synapse as a parameter",
    "N": "pass the number as a parameter; in the text of an initial value N is the number of cells",
    "t_in_timesteps": "write round(t/dt) instead",
    "TimedArray": "connect rv.TimedArray to an input: 'I : unit (input)'",
}

#: a flag of Brian2 -> its replacement
FLAGS_ELSEWHERE = {
    "summed": "declare an input, 'x : unit (input)', and connect with to='x': what arrives there is summed",
    "clock-driven": "leave the flag out: without (event-driven) an equation is advanced in every step",
    "linked": "let the other cell emit the variable, rv.Cell(…, emit='x'), and connect it to 'x : unit (input)' with "
    "rv.OneToOne()",
    "shared": "pass one number as a parameter: it holds for all cells; a shared variable is a population of one cell",
    "constant over dt": "leave the flag out: inputs and subexpressions are computed once per stage of a step",
    "constant over time": "write (constant) instead, or nothing: a parameter stays what it is",
    "scalar": "pass one number as a parameter: it holds for all cells",
    "unless_refractory": "write (unless refractory) instead, with a blank",
}

#: an operator of other languages -> its replacement
OPERATORS_ELSEWHERE: dict[type[ast.operator] | type[ast.unaryop], str] = {
    ast.BitOr: "join conditions with 'or' instead of |",
    ast.BitAnd: "join conditions with 'and' instead of &",
    ast.BitXor: "write ** for a power, or (a and not b) or (b and not a) for conditions",
    ast.Invert: "write 'not' instead of ~",
    ast.MatMult: "write * instead of @",
    ast.LShift: "write x*2**n instead",
    ast.RShift: "write floor(x/2**n) instead",
}

_OWN_WORDS = {"and", "or", "not", "if", "else", "in", "is", "True", "False", "None"}


def python_word(text: str) -> str | None:
    """The first word of Python in ``text`` that cannot be a name, such as lambda; None where there is none."""
    words = (w for w in re.findall(r"[^\W\d]\w*", text) if keyword.iskeyword(w) and w not in _OWN_WORDS)
    return next(words, None)
