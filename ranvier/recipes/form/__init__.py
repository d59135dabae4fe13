"""The form of a recipe: a claim of the literature as a declaration, and what runs, judges and writes it."""

from __future__ import annotations

from ranvier.recipes.form.case import Case
from ranvier.recipes.form.expect import Expect, Judged
from ranvier.recipes.form.outcome import Outcome
from ranvier.recipes.form.recipe import Recipe
from ranvier.recipes.form.trial import Trial

__all__ = ["Case", "Expect", "Judged", "Outcome", "Recipe", "Trial"]
