"""Tables in plain text."""

from __future__ import annotations

from collections.abc import Collection, Sequence

__all__ = ["text_table"]


def text_table(rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> str:
    """Lines of ``rows``, each column as wide as its longest text; columns whose numbers are in ``right`` end on the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            t.rjust(w) if k in right else t.ljust(w) for k, (t, w) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
