"""Why a sample does not fit a map: what the map takes, and the remedy, after the name of its class."""

from __future__ import annotations

from collections.abc import Collection, Sequence

__all__ = ["around", "channels", "features", "places", "windows"]

Shape = tuple[int, ...]
_FORMS = ("[features]", "[channels, length]", "[channels, height, width]", "[channels, depth, height, width]")


def features(shape: Shape, count: int) -> str | None:
    """A matrix takes ``count`` numbers along the last axis."""
    if shape and shape[-1] == count:
        return None
    remedy = f"give in_features={shape[-1]}" if shape else "give it a row of numbers"
    return f"takes {count} features in the last axis, but a sample has shape {shape}: {remedy}."


def channels(shape: Shape, axes: Collection[int], count: int | None, argument: str) -> str | None:
    """A map over channels takes ``count`` of them along the first axis, and one of ``axes`` numbers of further axes."""
    if len(shape) - 1 not in axes:
        forms = " or ".join(_FORMS[k] for k in axes)
        return (
            f"takes samples {forms}, but a sample has shape {shape}: reshape it first (torch.nn.Flatten, torch.nn.Unflatten), "
            f"or use the class for its number of axes."
        )
    if count is not None and shape[0] != count:
        return f"takes {count} channels, but a sample has shape {shape}: give {argument}={shape[0]}."
    return None


def places(shape: Shape, count: int, written: str) -> str | None:
    """A map over places takes ``count`` channels, ``written`` so, along the first axis, and at least one further axis."""
    if len(shape) > 1 and shape[0] == count:
        return None
    form = f"[{written}, places …]"
    if shape and shape[-1] == count:
        return f"takes samples {form}, but a sample has shape {shape}: channels come first, so use rv.Conv1d(…, 1) in place of rv.Linear."
    return f"takes samples {form}, but a sample has shape {shape}: give the map before it {count} output channels over space."


def around(shape: Shape, reach: Sequence[int], padding: Sequence[int] | str, mode: str) -> str | None:
    """A sample must hold the numbers that ``mode`` repeats at either side of it."""
    most = {"circular": 0, "reflect": -1}.get(mode)
    if most is None or padding == "valid":
        return None
    wide = [r // 2 for r in reach] if isinstance(padding, str) else padding
    if all(p <= n + most for p, n in zip(wide, shape[1:], strict=False)):
        return None
    return (
        f"repeats {tuple(wide)} numbers at either side (padding_mode={mode!r}), and may repeat at most "
        f"{'one less than ' if most else ''}those of the space, but a sample has space {shape[1:]}: give less padding, or padding_mode='zeros'."
    )


def windows(shape: Shape, reach: Sequence[int], padding: Sequence[int]) -> str | None:
    """A window of ``reach`` numbers by axis must lie within the space of a sample, the ``padding`` at either side included."""
    space = tuple(n + 2 * p for n, p in zip(shape[1:], padding, strict=False))
    if all(n >= r for n, r in zip(space, reach, strict=False)):
        return None
    what = f"space {space} with its padding" if any(padding) else f"space {space}"
    return f"has windows of {tuple(reach)}, but a sample has {what}: give a smaller kernel_size, more padding, or larger samples."
