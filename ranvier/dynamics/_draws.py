"""Random numbers in a text: every ``rand()`` and ``randn()`` gets a name of its own."""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping

from ranvier.dynamics.text import parse_expression
from ranvier.errors import EquationError

__all__ = ["named_draws"]


def named_draws(
    text: str, line: str, kinds: Collection[str] = ("rand",), each: str = "cell"
) -> tuple[ast.expr, Mapping[str, str]]:
    """The tree of ``text``, and which of its names stand for a random number of which kind, in their order.

    ``kinds`` are functions without argument that draw a number for ``each`` of something. No model can use the names.
    """
    naming = _Naming(line, kinds, each)
    return naming.visit(parse_expression(text, line)), naming.draws


class _Naming(ast.NodeTransformer):
    def __init__(self, line: str, kinds: Collection[str], each: str) -> None:
        self.line, self.kinds, self.each = line, kinds, each
        self.draws: dict[str, str] = {}

    def visit_Call(self, node: ast.Call) -> ast.expr:
        if not isinstance(node.func, ast.Name) or node.func.id not in self.kinds:
            self.generic_visit(node)
            return node
        kind = node.func.id
        if node.args or node.keywords:
            raise EquationError(
                f"{kind} takes no argument, got {ast.unparse(node)!r}: write {kind}(), which draws one number for each {self.each}.",
                line=self.line,
            )
        count = sum(k == kind for k in self.draws.values())
        name = f"{kind}()" if count == 0 else f"{kind}() [{count + 1}]"
        self.draws[name] = kind
        return ast.copy_location(ast.Name(name, ast.Load()), node)

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in self.kinds:
            raise EquationError(f"{node.id!r} needs its brackets: write {node.id}().", line=self.line)
        return node
