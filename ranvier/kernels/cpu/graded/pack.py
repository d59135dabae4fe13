"""Packing synapses that bring something in every step, for the circuit."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from ranvier.kernels.cpu.graded.form import EMITTED, Graded, cells_read
from ranvier.kernels.cpu.graded.kernel import graded_signature, number_name, source_names, target_name
from ranvier.kernels.cpu.graded.layout import laid_out
from ranvier.kernels.tasks import GradedProjection, Pattern, PlasticProjection

if TYPE_CHECKING:
    from ranvier.kernels.cpu.circuit.packed import Packed
    from ranvier.kernels.cpu.graded.emissions import Emissions
    from ranvier.kernels.cpu.host.sections import Sections

__all__ = ["pack_graded", "pack_steady"]

Tensor = torch.Tensor


def pack_graded(
    q: GradedProjection, form: Graded, sections: Sections, key: Hashable, pre: Packed, post: Packed
) -> None:  # fmt: skip
    """Fill the section of a projection from cells that emit a variable."""
    if pre.emissions is None:
        raise ValueError(f"population {q.pre!r} of a graded projection emits no variable")
    latency = None if isinstance(q.latency, int) else q.latency
    given = _source(EMITTED, pre.emissions)
    _fill(form, q.pattern, {"w": q.weight}, sections, key, post, q.stream, given, {}, q.shortest, latency)


def pack_steady(
    q: PlasticProjection, form: Graded, sections: Sections, key: Hashable, packed: Mapping[str, Packed],
    rows: Mapping[str, Sequence[Tensor]],
) -> None:  # fmt: skip
    """Fill the section of a projection whose synapses stay as they are; ``rows`` are the variables that rows and columns hold,
    for each thread."""
    post, cells = packed[q.post], cells_read(q.rule)
    given: dict[str, Any] = {}
    each: dict[str, Sequence[Tensor]] = {}
    for n in form.sources:
        if n in cells:
            given |= _source(n, packed[q.pre or ""].shown[cells[n][1]])
        else:
            name = source_names(n)
            each[name["shown"]] = rows[n]
            given |= {name["slots"]: 1, name["stride"]: 0}
    for n in form.targets:
        each[target_name(n)] = post.state[cells[n][1]] if n in cells else rows[n]
    values = {"w": q.values["w"], **q.parameters}
    _fill(form, q.pattern, values, sections, key, post, q.stream, given, each, 1, None)


def _source(name: str, emissions: Emissions) -> dict[str, Any]:
    """The arguments of a variable that the sources show."""
    return dict(zip(source_names(name).values(), emissions.given.values(), strict=True))


def _fill(
    form: Graded, pattern: Pattern, values: Mapping[str, Tensor], sections: Sections, key: Hashable, post: Packed, stream: str,
    sources: Mapping[str, Any], each: Mapping[str, Sequence[Tensor]], shortest: int, latency: Tensor | None,
) -> None:  # fmt: skip
    width, dtype = 64 // sections.dtype.itemsize, sections.dtype
    layout = laid_out(pattern, form.reach, width, post.shares.ranges)
    given = {"start": layout.start, **layout.arrays, **sources, "shortest": shortest}
    given |= {number_name(n): layout.lay(values[n].to(dtype), width) for n in form.varied}
    given |= {number_name(n): values[n].reshape(-1)[:1].to(dtype) for n in form.shared}
    given |= {"length": post.lengths[stream], "padded": post.padded}
    if latency is not None:
        given["latency"] = layout.lay(latency.to(torch.int32) - shortest, width) + shortest
    own = {"ring": post.rings[stream], **each, **post.shares.edges}
    sections.fill(key, graded_signature(form), given, own)
