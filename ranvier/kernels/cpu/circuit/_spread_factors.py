"""c*(a + b*x + y) becomes (c*a) + (c*b)*x + c*y where a, b and c are one number for all cells: one operation fewer."""

from __future__ import annotations

from collections.abc import Collection

import sympy as sp

from ranvier.dynamics import Program

__all__ = ["spread_factors"]


def spread_factors(program: Program, shared: Collection[str]) -> tuple[Program, dict[str, sp.Expr]]:
    """The program so written, and by name the products of ``shared`` numbers that it reads."""
    writer = _Writer(frozenset(map(sp.Symbol, shared)))
    statements = tuple(s.rewritten(writer.walk(s.expression)) for s in program.statements)
    return Program(statements, {n: writer.walk(e) for n, e in program.outputs.items()}), writer.products


class _Writer:
    def __init__(self, shared: frozenset[sp.Symbol]) -> None:
        self.shared = shared
        self.products: dict[str, sp.Expr] = {}

    def walk(self, e: sp.Expr) -> sp.Expr:
        if not e.args:
            return e
        args = [self.walk(a) for a in e.args]
        fixed = [a for a in args if a.free_symbols <= self.shared]
        moving = [a for a in args if not a.free_symbols <= self.shared]
        if isinstance(e, sp.Mul) and fixed and len(moving) == 1 and isinstance(moving[0], sp.Add):
            terms = [self._parts(t) for t in moving[0].args]
            if all(len(rest) <= 1 for _, rest in terms):
                return sp.Add(*(sp.Mul(self._product([*fixed, *own]), *rest) for own, rest in terms))
        return e.func(*args)

    def _parts(self, term: sp.Expr) -> tuple[list[sp.Expr], list[sp.Expr]]:
        """Factors that are one number for all cells, and the others."""
        factors = term.args if isinstance(term, sp.Mul) else (term,)
        fixed = [f for f in factors if f.free_symbols <= self.shared]
        return fixed, [f for f in factors if not f.free_symbols <= self.shared]

    def _product(self, factors: list[sp.Expr]) -> sp.Expr:
        product = sp.Mul(*factors)
        if not product.free_symbols or product.is_Symbol:
            return product
        name = f"product {product}"
        self.products[name] = product
        return sp.Symbol(name)
