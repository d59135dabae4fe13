"""Matplotlib figures as SVG that takes the page's own text colour and font, on light and on dark."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape
from io import StringIO
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

__all__ = ["svg"]

#: drawn with this colour, then exchanged for the colour of the text around the figure
_INK = "#010203"
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.size": 9.5,
    "text.color": _INK,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "axes.linewidth": 0.7,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
}
_NO_METADATA = {"Creator": None, "Date": None, "Format": None, "Type": None}


def svg(draw: Callable[[Figure], object], width: float, height: float, name: str, description: str) -> str:
    """Let ``draw`` fill a figure of ``width`` x ``height`` inches; returns an ``<svg>`` element for a page.

    ``name`` keeps its internal references apart from those of other figures; ``description`` is for those who cannot
    see it.
    """
    text = StringIO()
    with rc_context({**_STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(width, height), layout="constrained")
        draw(figure)
        figure.savefig(text, format="svg", metadata=_NO_METADATA)
    # Names such as line2d_1 recur in every figure and nothing refers to them.
    body = re.sub(r' id="[A-Za-z0-9.]+_\d+"', "", text.getvalue().replace(_INK, "currentColor"))
    body = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", body, flags=re.DOTALL)
    head = f'<svg role="img" aria-label="{escape(description)}" style="max-width:{width * 96:.0f}px" '
    return head + body[body.index("viewBox=") :].strip()
