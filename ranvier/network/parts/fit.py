"""Whether what a projection brings fits the part in which it ends, as far as shapes are known when it is made."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ranvier.connectivity.hooks import has_hook, is_unfinished
from ranvier.connectivity.partial_shape import ANY, PartialShape, agree, fills, joins, narrowed, sized, written
from ranvier.errors import ShapeError

if TYPE_CHECKING:
    from ranvier.connectivity.transform import Transform
    from ranvier.network.graph import Graph
    from ranvier.network.parts.projection import Projection

__all__ = ["check_fit", "sample_of", "shape_behind"]


def check_fit(graph: Graph, p: Projection) -> None:
    """Refuse a projection whose sizes cannot fit, and keep what it tells of the shape of a part without a size.

    Raises
    ------
    ShapeError
        Naming both parts, their sizes and the remedy.
    """
    cells = graph.shape_of(p.post)
    sample = sample_of(graph, p.pre)
    if cells is None and p.pre in graph.inputs:
        sample = (..., *sample) if ... not in sample else sample  # further axes may come before those of an input
    brings = _through(p, sample)
    if cells is not None and not fills(brings, cells):
        raise ShapeError(
            f"{p.where} brings samples of shape {written(brings)}, but {p.post!r} has shape {cells}: give {p.post!r} the size that "
            f"arrives, or let {_last(p)} make its size."
        )
    if cells is None:
        before = graph.memo.samples.get(p.post, ANY)
        if not joins(brings, before):
            first = next(q.where for q in graph.projections.values() if q.post == p.post)
            raise ShapeError(
                f"{p.where} brings samples of shape {written(brings)}, but {first} brings {written(before)}, which cannot be added: "
                f"make them equal."
            )
        if sized(before) is None:
            graph.memo.samples[p.post] = brings


def sample_of(graph: Graph, name: str) -> PartialShape:
    """The shape of what a part emits, as far as it is known."""
    declared = graph.shape_of(name)
    return graph.memo.samples.get(name, ANY) if declared is None else declared


def _through(p: Projection, shape: PartialShape) -> PartialShape:
    """The shape behind all transforms, each of which must take what the one before it gives."""
    source = repr(p.pre)
    for transform in p.chain.transforms:
        if is_unfinished(transform.module) or has_hook(transform.module):
            shape = ANY  # both may make of a sample what they like
        else:
            known, takes = sized(shape), transform.takes()
            if known is not None:
                p.check_sample(transform, known, behind=source)
            elif not agree(shape, takes):
                raise ShapeError(
                    f"{p.where}: {transform.kind} behind {source} takes samples of shape {written(takes)}, but a sample has shape "
                    f"{written(shape)}: make them equal."
                )
            shape = transform.gives(narrowed(shape, takes))
        source = transform.kind
    return shape


def shape_behind(transforms: Iterable[Transform], shape: PartialShape) -> PartialShape:
    """The shape that transforms make of samples of ``shape``, as far as their arguments tell; none is refused."""
    for transform in transforms:
        takes = transform.takes()
        if is_unfinished(transform.module) or has_hook(transform.module) or not agree(shape, takes):
            return ANY
        shape = transform.gives(narrowed(shape, takes))
    return shape


def _last(p: Projection) -> str:
    transforms = p.chain.transforms
    return transforms[-1].kind if transforms else repr(p.pre)
