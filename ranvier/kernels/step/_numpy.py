"""The step graph in NumPy: the same operations in the same order as the C99 it prints, for a whole buffer at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ranvier.errors import ShapeError
from ranvier.kernels.step._far_angles import far_angle
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
    Reading,
    StepGraph,
)
from ranvier.kernels.step._text import FLOAT, INTEGER, Page, Target, TextLanes, Value
from ranvier.kernels.writer import emit

__all__ = ["NumpyStep", "numpy_source"]

Array = np.ndarray
_OPERATIONS = {
    "add": "{0} + {1}", "sub": "{0} - {1}", "mul": "{0} * {1}", "div": "{0} / {1}", "neg": "-{0}",
    "absolute": "absolute({0})", "select": "where({0}, {1}, {2})", "int_select": "where({0}, {1}, {2})",
    "sqrt": "sqrt({0})", "widen": "real_d({0})", "narrow": "real_f({0})",
    "lt": "{0} < {1}", "le": "{0} <= {1}", "gt": "{0} > {1}", "ge": "{0} >= {1}", "eq": "{0} == {1}", "ne": "{0} != {1}",
    "both": "{0} & {1}", "either": "{0} | {1}", "negate_mask": "~{0}", "int_ne": "{0} != {1}",
    "int_add": "{0} + {1}", "int_sub": "{0} - {1}", "int_and": "{0} & {1}", "int_xor": "{0} ^ {1}",
    "int_shl": "{0} << {1}", "int_ashr": "{0} >> {1}", "as_integer": "{0}.view(whole_{t})", "as_float": "{0}.view(real_{t})", "from_integer": "real_{t}({0})",
    "far_angle": "far_angle({0})", "far_rest": "{0}[0]", "far_turns": "whole_{t}({0}[1])",
}  # fmt: skip
_NAMES = {
    "absolute": np.abs, "sqrt": np.sqrt, "where": np.where, "inf": np.inf, "nan": np.nan, "far_angle": far_angle,
    "real_f": np.float32, "real_d": np.float64, "whole_f": np.int32, "whole_d": np.int64,
}  # fmt: skip


def _number(kind: str, letter: str, x: float | int) -> str:
    return f"whole_{letter}({x})" if kind == INTEGER else f"real_{letter}({float(x)!r})"


_TARGET = Target(_number, lambda kind, letter, name, text: f"{name} = {text}", _OPERATIONS)


def numpy_source(node: Advance, dtype: str) -> str:
    """A population's step as Python source: ``advance(reads, time)`` returns its results by name."""
    page = Page()
    lanes = TextLanes(node.arithmetic(dtype), _TARGET, page)
    local = {name: f"r{k}" for k, name in enumerate(node.reads)}
    results = emit(lanes, node.program, lambda n: Value("time" if n == node.time else local[n], FLOAT))
    body = [f"{local[n]} = reads[{n!r}]" for n in node.reads] + page.needed(results.values())
    told = ", ".join(f"{n!r}: {v.text}" for n, v in results.items())
    return "\n".join(["def advance(reads, time):", *(f"    {line}" for line in body), f"    return {{{told}}}"])


def _reader_source(storage: Readable) -> str:
    """The numbers of codes as Python source: ``number(code)``."""
    page = Page()
    result = storage.write(TextLanes("float32", _TARGET, page), Value("code", INTEGER))
    return "\n".join(
        ["def number(code):", *(f"    {line}" for line in page.needed([result])), f"    return {result.text}"]
    )


class NumpyStep:
    """A step graph that runs: ``step(inputs)`` returns its outputs; ``values`` holds all buffers.

    Raises
    ------
    ShapeError
        For an input of another shape.
    """

    def __init__(self, graph: StepGraph) -> None:
        self.graph = graph
        self._real = np.dtype(graph.dtype).type
        self._made: dict[int, Callable[..., dict[str, Array]]] = {}
        for index, node in enumerate(graph.nodes):
            if isinstance(node, Advance):
                names: dict[str, Any] = dict(_NAMES)
                exec(compile(numpy_source(node, graph.dtype), "<ranvier step>", "exec"), names)
                self._made[index] = names["advance"]
        read = {n.operand.weight: n.operand.stored for n in graph.nodes if isinstance(n, Product) and n.operand.stored}
        self._tables = {n: v.reshape(-1) for n, v in graph.constants.items()}
        self._tables |= {n: self._decoded(n, stored) for n, stored in read.items()}
        self.reset()

    def reset(self) -> None:
        """Back to the first step."""
        self.steps = 0
        buffers = self.graph.buffers
        self.values: dict[str, Any] = {
            n: np.zeros(b.size, self._kept(b)) for n, b in buffers.items() if b.role != "constant"
        }
        self.values |= self._tables
        self.values |= {n: v.reshape(-1).copy() for n, v in self.graph.start.items()}

    def _kept(self, buffer: Buffer) -> Any:
        return np.float64 if buffer.exact else self._real

    def _decoded(self, weight: str, stored: Reading) -> Array:
        """A table of codes as floats."""
        names: dict[str, Any] = dict(_NAMES)
        exec(compile(_reader_source(stored.storage), "<ranvier storage>", "exec"), names)
        codes, found = self.graph.constants[weight], self._tables
        numbers = names["number"](codes.astype(np.int32)).astype(self._real)

        def of(buffer: str) -> Array:
            return found[buffer].reshape(-1, *(1 for _ in codes.shape[1:]))

        numbers = numbers if stored.zero is None else numbers - of(stored.zero)
        return (numbers if stored.scale is None else numbers * of(stored.scale)).reshape(-1)

    def step(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Outputs of one step, by name."""
        for b in self.graph.of("input"):
            given = np.asarray(inputs[b.name], self._real)
            if given.shape != b.shape:
                raise ShapeError(f"input {b.name!r} has shape {given.shape}; this step takes {b.shape}.")
            self.values[b.name] = given.reshape(-1)
        with np.errstate(all="ignore"):
            for index, node in enumerate(self.graph.nodes):
                self._run(index, node)
        self.steps += 1
        return {b.name: self.values[b.name].reshape(b.shape).copy() for b in self.graph.of("output")}

    def _run(self, index: int, node: Node) -> None:
        v = self.values
        match node:
            case Fill(target, value):
                v[target][:] = value
            case Add(source, target):
                v[target] += v[source]
            case Advance():
                over, under = self.graph.dt
                time = np.float64(self.graph.first + self.steps) * over / under
                reads = {n: v[b].astype(node.arithmetic(self.graph.dtype), copy=False) for n, b in node.reads.items()}
                for name, value in self._made[index](reads, time).items():
                    kept = self._kept(self.graph.buffers[node.writes[name]])
                    v[node.writes[name]] = np.array(np.broadcast_to(value, node.cells), kept)
            case Product(operand, source, target):
                self._product(operand, v[source], v[target])
            case Pool():
                v[node.target][:] = _pool(node, v[node.source])
            case DelayPush(source, line):
                depth = self.graph.buffers[line].shape[0]
                v[line].reshape(depth, -1)[self.steps % depth] = v[source]
            case DelayPop(line, target, lag):
                depth = self.graph.buffers[line].shape[0]
                v[target][:] = v[line].reshape(depth, -1)[(self.steps - lag) % depth]

    def _product(self, operand: Dense | Csr | Convolution, x: Array, y: Array) -> None:
        v = self.values
        match operand:
            case Dense(weight, shape, _):
                table = v[weight].reshape(shape)
                for j in np.flatnonzero(x):
                    y += table[:, j] * x[j]
            case Csr(rows, targets, weight, _, _):
                for j in np.flatnonzero(x):
                    some = slice(v[rows][j], v[rows][j + 1])
                    np.add.at(y, v[targets][some], v[weight][some] * x[j])
            case Convolution():
                _convolve(operand, v[operand.weight].reshape(operand.shape), x, y)


def _convolve(c: Convolution, weight: Array, x: Array, y: Array) -> None:
    out, depth, height, width = c.shape
    plane, each = y.reshape(out, *c.target_plane), out // c.groups
    for j in np.flatnonzero(x):
        channel, p, q = np.unravel_index(j, (depth * c.groups, *c.source_plane))
        group = slice(channel // depth * each, (channel // depth + 1) * each)
        for u in range(height):
            for w in range(width):
                a, b = p + c.padding[0] - u * c.dilation[0], q + c.padding[1] - w * c.dilation[1]
                (e, left), (f, over) = divmod(a, c.stride[0]), divmod(b, c.stride[1])
                if a >= 0 and b >= 0 and not left and not over and e < c.target_plane[0] and f < c.target_plane[1]:
                    plane[group, e, f] += weight[group, channel % depth, u, w] * x[j]


def _pool(n: Pool, x: Array) -> Array:
    source = x.reshape(n.channels, *n.source_plane)
    total = np.full((n.channels, *n.target_plane), -np.inf if n.kind == "max" else 0, x.dtype)
    for e in range(n.target_plane[0]):
        for f in range(n.target_plane[1]):
            for u in range(n.window[0]):
                for w in range(n.window[1]):
                    p, q = e * n.stride[0] + u - n.padding[0], f * n.stride[1] + w - n.padding[1]
                    if 0 <= p < n.source_plane[0] and 0 <= q < n.source_plane[1]:
                        value, so_far = source[:, p, q], total[:, e, f]
                        total[:, e, f] = np.where(value > so_far, value, so_far) if n.kind == "max" else so_far + value
    if n.kind == "mean":
        total /= x.dtype.type(n.window[0] * n.window[1])
    return total.reshape(-1)
