"""Equations become checked, discretised straight-line programs, and those their exact adjoints."""

from ranvier.dynamics._adjoint import Adjoint, adjoint, choose_saved, tangent
from ranvier.dynamics._integrators import METHODS
from ranvier.dynamics._program import Exponential, Program, Prologue, Statement, tidy
from ranvier.dynamics._step import COUNTER, Step, build_step
from ranvier.dynamics._symbols import Reader
from ranvier.dynamics._system import Event, System, read_system

__all__ = [
    "COUNTER",
    "METHODS",
    "Adjoint",
    "Event",
    "Exponential",
    "Program",
    "Prologue",
    "Reader",
    "Statement",
    "Step",
    "System",
    "adjoint",
    "build_step",
    "choose_saved",
    "read_system",
    "tangent",
    "tidy",
]
