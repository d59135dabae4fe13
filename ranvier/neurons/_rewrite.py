"""One name in the text of a condition or of statements, replaced by an expression."""

from __future__ import annotations

import ast

__all__ = ["replaced"]


def replaced(text: str, name: str, expression: str) -> tuple[str, bool]:
    """``text`` with ``expression`` in the place of ``name`` wherever it is read, and whether it was there."""
    if not text.strip():
        return text, False
    lines = [line for part in text.splitlines() for line in part.split(";") if line.strip()]
    writer = _Writer(name, ast.parse(f"({expression})", mode="eval").body)
    return "; ".join(ast.unparse(writer.visit(ast.parse(line.strip()))) for line in lines), writer.found


class _Writer(ast.NodeTransformer):
    def __init__(self, name: str, expression: ast.expr) -> None:
        self.name, self.expression, self.found = name, expression, False

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id != self.name or not isinstance(node.ctx, ast.Load):
            return node
        self.found = True
        return self.expression
