"""The step graph as C99: one file of plain scalar code, one thread, no allocation.

Compile with ``-std=c99 -ffp-contract=off``; of the mathematical library only ``sqrt`` is used. The file defines
``ranvier_state``, ``ranvier_size()``, ``ranvier_reset(state)`` and ``ranvier_step(state, inputs…, outputs…)``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ranvier.kernels.step._far_angles import FAR_ANGLES
from ranvier.kernels.step._graph import (
    Add,
    Advance,
    Buffer,
    Convolution,
    Csr,
    DelayPop,
    DelayPush,
    Dense,
    Fill,
    Node,
    Pool,
    Product,
    Readable,
    StepGraph,
)
from ranvier.kernels.step._text import FLOAT, INTEGER, MASK, PAIR, Page, Target, TextLanes, Value
from ranvier.kernels.writer import emit

__all__ = ["c99"]

_HEAD = """\
/* Written by Ranvier. Compile with -std=c99 -ffp-contract=off. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef float real_f;
typedef double real_d;
typedef int32_t whole_f;
typedef int64_t whole_d;

static inline whole_f as_integer_f(real_f x) { whole_f n; memcpy(&n, &x, sizeof n); return n; }
static inline whole_d as_integer_d(real_d x) { whole_d n; memcpy(&n, &x, sizeof n); return n; }
static inline real_f as_float_f(whole_f n) { real_f x; memcpy(&x, &n, sizeof x); return x; }
static inline real_d as_float_d(whole_d n) { real_d x; memcpy(&x, &n, sizeof x); return x; }
static inline real_f absolute_f(real_f x) { return as_float_f(as_integer_f(x) & INT32_MAX); }
static inline real_d absolute_d(real_d x) { return as_float_d(as_integer_d(x) & INT64_MAX); }
static inline whole_f shl_f(whole_f n, whole_f k) { return (whole_f)((uint32_t)n << k); }
static inline whole_d shl_d(whole_d n, whole_d k) { return (whole_d)((uint64_t)n << k); }
static inline whole_f ashr_f(whole_f n, whole_f k) { return n >= 0 ? n >> k : ~(~n >> k); }
static inline whole_d ashr_d(whole_d n, whole_d k) { return n >= 0 ? n >> k : ~(~n >> k); }
static inline whole_f add_f(whole_f a, whole_f b) { return (whole_f)((uint32_t)a + (uint32_t)b); }
static inline whole_d add_d(whole_d a, whole_d b) { return (whole_d)((uint64_t)a + (uint64_t)b); }
static inline whole_f sub_f(whole_f a, whole_f b) { return (whole_f)((uint32_t)a - (uint32_t)b); }
static inline whole_d sub_d(whole_d a, whole_d b) { return (whole_d)((uint64_t)a - (uint64_t)b); }
"""
_OPERATIONS = {
    "add": "{0} + {1}", "sub": "{0} - {1}", "mul": "{0} * {1}", "div": "{0} / {1}", "neg": "-{0}",
    "absolute": "absolute_{t}({0})", "select": "{0} ? {1} : {2}", "int_select": "{0} ? {1} : {2}",
    "sqrt": "(real_{t})sqrt({0})", "widen": "(real_d){0}", "narrow": "(real_f){0}",
    "lt": "{0} < {1}", "le": "{0} <= {1}", "gt": "{0} > {1}", "ge": "{0} >= {1}", "eq": "{0} == {1}", "ne": "{0} != {1}",
    "both": "{0} && {1}", "either": "{0} || {1}", "negate_mask": "!{0}", "int_ne": "{0} != {1}",
    "int_add": "add_{t}({0}, {1})", "int_sub": "sub_{t}({0}, {1})", "int_and": "{0} & {1}", "int_xor": "{0} ^ {1}",
    "int_shl": "shl_{t}({0}, {1})", "int_ashr": "ashr_{t}({0}, {1})", "as_integer": "as_integer_{t}({0})",
    "as_float": "as_float_{t}({0})", "from_integer": "(real_{t}){0}", "far_angle": "far_angle({0})", "far_rest": "{0}.rest", "far_turns": "(whole_{t}){0}.turns",
}  # fmt: skip


def _number(kind: str, letter: str, x: float | int) -> str:
    if kind == INTEGER:
        return f"((whole_{letter}){x})"
    if math.isnan(x):
        return "NAN"
    if math.isinf(x):
        return "(-INFINITY)" if x < 0 else "INFINITY"
    text = float(abs(x)).hex() + ("f" if letter == "f" else "")
    return f"(-{text})" if math.copysign(1, x) < 0 else text


_TYPES = {FLOAT: "real_{t}", MASK: "int", INTEGER: "whole_{t}", PAIR: "reduced_angle"}
_TARGET = Target(
    _number, lambda kind, letter, name, text: f"const {_TYPES[kind].format(t=letter)} {name} = {text};", _OPERATIONS
)


def c99(graph: StepGraph) -> str:
    """The C99 source of a step graph."""
    nodes = [line for node in graph.nodes for line in _node(graph, node)]
    far = FAR_ANGLES if any("far_angle(" in line for line in nodes) else ""
    head = f"{_HEAD}{far}\ntypedef real_{_letter(graph)} real;\n"
    kept, scratch = graph.of("state"), graph.of("scratch")
    given = [f"const real *{b.name}" for b in graph.of("input")] + [f"real *{b.name}" for b in graph.of("output")]
    lines = [
        head,
        *(line for storage, name in _readers(graph).items() for line in _reader(storage, name)),
        *(_table(graph, b.name, graph.constants[b.name]) for b in graph.of("constant")),
        "typedef struct {",
        "  int64_t step;",
        *(f"  {_kind(b)} {b.name}[{max(1, b.size)}];" for b in kept),
        "} ranvier_state;\n",
        *(_table(graph, f"start_{n}", v) for n, v in graph.start.items()),
        "size_t ranvier_size(void) { return sizeof(ranvier_state); }\n",
        "void ranvier_reset(ranvier_state *s) {",
        "  memset(s, 0, sizeof *s);",
        *(f"  memcpy(s->{n}, start_{n}, sizeof start_{n});" for n in graph.start),
        "}\n",
        f"void ranvier_step({', '.join(['ranvier_state *s', *given])}) {{",
        *(f"  static {_kind(b)} {b.name}[{max(1, b.size)}];" for b in scratch),
        *(f"  {line}" for line in nodes),
        "  s->step += 1;",
        "}",
    ]
    return "\n".join(lines) + "\n"


def _letter(graph: StepGraph) -> str:
    return "d" if graph.dtype == "float64" else "f"


def _kind(buffer: Buffer) -> str:
    return "real_d" if buffer.exact else "real"


def _table(graph: StepGraph, name: str, values: np.ndarray) -> str:
    real = values.dtype.kind == "f"
    letter = "d" if values.dtype == np.float64 else "f"
    kind = f"real_{letter}" if real else f"{values.dtype}_t"
    text = [_number(FLOAT, letter, float(x)) if real else str(int(x)) for x in values.reshape(-1)] or ["0"]
    return f"static const {kind} {name}[{len(text)}] = {{{', '.join(text)}}};"


def _place(graph: StepGraph, name: str) -> str:
    return f"s->{name}" if graph.buffers[name].role == "state" else name


def _node(graph: StepGraph, node: Node) -> Iterator[str]:
    def at(name: str) -> str:
        return _place(graph, name)

    match node:
        case Fill(target, value):
            yield f"for (int i = 0; i < {graph.buffers[target].size}; i++) {at(target)}[i] = {_number(FLOAT, _letter(graph), value)};"
        case Add(source, target):
            size = graph.buffers[target].size
            step = "0" if graph.buffers[source].size == 1 < size else "i"
            yield f"for (int i = 0; i < {size}; i++) {at(target)}[i] += {at(source)}[{step}];"
        case Advance():
            yield from _advance(graph, node)
        case Product(operand, source, target):
            yield from _product(graph, operand, at(source), at(target))
        case Pool():
            yield from _pool(node, at(node.source), at(node.target))
        case DelayPush(source, line):
            depth, size = graph.buffers[line].shape
            yield f"memcpy({at(line)} + (s->step % {depth}) * {size}, {at(source)}, {size} * sizeof(real));"
        case DelayPop(line, target, lag):
            depth, size = graph.buffers[line].shape
            yield f"memcpy({at(target)}, {at(line)} + ((s->step + {depth - lag}) % {depth}) * {size}, {size} * sizeof(real));"


def _advance(graph: StepGraph, node: Advance) -> Iterator[str]:
    page = Page()
    lanes = TextLanes(node.arithmetic(graph.dtype), _TARGET, page)

    def read(name: str) -> Value:
        if name == node.time:
            return Value("time", FLOAT)
        b = graph.buffers[node.reads[name]]
        return Value(f"{_place(graph, b.name)}[{'i' if b.size != 1 or node.cells == 1 else '0'}]", FLOAT)

    results = emit(lanes, node.program, read)
    if node.time is not None:
        over, under = (x.hex() for x in graph.dt)
        yield "{"
        yield f"const double time = (double)(s->step + {graph.first}) * {over} / {under};"
    yield f"for (int i = 0; i < {node.cells}; i++) {{"
    yield from (f"  {line}" for line in page.needed(results.values()))
    kinds = [_kind(graph.buffers[node.writes[name]]) for name in results]
    values = zip(kinds, results.values(), strict=True)
    yield from (f"  const {kind} y{index} = ({kind}){value.text};" for index, (kind, value) in enumerate(values))
    yield from (f"  {_place(graph, node.writes[name])}[i] = y{index};" for index, name in enumerate(results))
    yield "}"
    if node.time is not None:
        yield "}"


def _product(graph: StepGraph, operand: Dense | Csr | Convolution, x: str, y: str) -> Iterator[str]:
    match operand:
        case Dense(_, (rows, columns)):
            w = _weight(graph, operand, f"i * {columns} + j", "i")
            yield f"for (int j = 0; j < {columns}; j++) if ({x}[j] != 0)"
            yield f"  for (int i = 0; i < {rows}; i++) {y}[i] += {w} * {x}[j];"
        case Csr(rows, targets, _, (pre, _)):
            w = _weight(graph, operand, "k", f"{targets}[k]")
            yield f"for (int j = 0; j < {pre}; j++) if ({x}[j] != 0)"
            yield f"  for (int k = {rows}[j]; k < {rows}[j + 1]; k++) {y}[{targets}[k]] += {w} * {x}[j];"
        case Convolution():
            yield from _convolution(graph, operand, x, y)


def _weight(graph: StepGraph, operand: Dense | Csr | Convolution, index: str, output: str) -> str:
    """The weight at ``index`` of its table, which leads to ``output``."""
    found, stored = f"{operand.weight}[{index}]", operand.stored
    if stored is None:
        return found

    def of(buffer: str) -> str:
        return f"{buffer}[{'0' if graph.buffers[buffer].size == 1 else output}]"

    found = f"(real){_readers(graph)[stored.storage]}({found})"
    found = found if stored.zero is None else f"({found} - {of(stored.zero)})"
    return found if stored.scale is None else f"({found} * {of(stored.scale)})"


def _readers(graph: StepGraph) -> dict[Readable, str]:
    """The storages of tables, and the names of the functions that give the number of a code."""
    read = [n.operand.stored for n in graph.nodes if isinstance(n, Product)]
    return {s: f"number_{s.name}_{k}" for k, s in enumerate(dict.fromkeys(r.storage for r in read if r is not None))}


def _reader(storage: Readable, name: str) -> Iterator[str]:
    page = Page()
    result = storage.write(TextLanes("float32", _TARGET, page), Value("code", INTEGER))
    yield f"static inline real_f {name}(whole_f code) {{"
    yield from (f"  {line}" for line in page.needed([result]))
    yield f"  return {result.text};"
    yield "}\n"


def _convolution(graph: StepGraph, c: Convolution, x: str, y: str) -> Iterator[str]:
    out, depth, height, width = c.shape
    (H, W), (Ho, Wo) = c.source_plane, c.target_plane
    yield f"for (int c = 0; c < {depth * c.groups}; c++) for (int p = 0; p < {H}; p++) for (int q = 0; q < {W}; q++) {{"
    yield f"  const real v = {x}[(c * {H} + p) * {W} + q];"
    yield "  if (v != 0)"
    yield f"    for (int u = 0; u < {height}; u++) for (int w = 0; w < {width}; w++) {{"
    yield f"      const int a = p + {c.padding[0]} - u * {c.dilation[0]}, b = q + {c.padding[1]} - w * {c.dilation[1]};"
    yield f"      if (a < 0 || b < 0 || a % {c.stride[0]} || b % {c.stride[1]}) continue;"
    yield f"      const int e = a / {c.stride[0]}, f = b / {c.stride[1]}, g = c / {depth};"
    yield f"      if (e < {Ho} && f < {Wo})"
    yield f"        for (int o = g * {out // c.groups}; o < (g + 1) * {out // c.groups}; o++)"
    w = _weight(graph, c, f"((o * {depth} + c % {depth}) * {height} + u) * {width} + w", "o")
    yield f"          {y}[(o * {Ho} + e) * {Wo} + f] += {w} * v;"
    yield "    }"
    yield "}"


def _pool(n: Pool, x: str, y: str) -> Iterator[str]:
    (H, W), (Ho, Wo) = n.source_plane, n.target_plane
    start = "-INFINITY" if n.kind == "max" else "0"
    yield f"for (int c = 0; c < {n.channels}; c++) for (int e = 0; e < {Ho}; e++) for (int f = 0; f < {Wo}; f++) {{"
    yield f"  real m = {start};"
    yield f"  for (int u = 0; u < {n.window[0]}; u++) for (int w = 0; w < {n.window[1]}; w++) {{"
    yield f"    const int p = e * {n.stride[0]} + u - {n.padding[0]}, q = f * {n.stride[1]} + w - {n.padding[1]};"
    yield f"    if (p < 0 || q < 0 || p >= {H} || q >= {W}) continue;"
    yield f"    const real v = {x}[(c * {H} + p) * {W} + q];"
    yield "    m = v > m ? v : m;" if n.kind == "max" else "    m += v;"
    yield "  }"
    value = "m" if n.kind == "max" else f"m / (real){n.window[0] * n.window[1]}"
    yield f"  {y}[(c * {Ho} + e) * {Wo} + f] = {value};"
    yield "}"
