"""Equations become checked, discretised straight-line programs, and those their exact adjoints."""

import ranvier._torch_library  # noqa: F401 -- begins to map torch's library, before SymPy is imported
from ranvier.dynamics._adjoint import Adjoint, adjoint, choose_saved, tangent
from ranvier.dynamics._by_structure import ByStructure
from ranvier.dynamics._clock import TIME, exact_times, time_apart
from ranvier.dynamics._cuts import OWN_RESETS, RESETS, WHOLE, Cuts, Reset, wrong_reset
from ranvier.dynamics._derivative import derivative
from ranvier.dynamics._divisors import divisors
from ranvier.dynamics._draws import named_draws
from ranvier.dynamics._exact_step import assigned_times, exact_step
from ranvier.dynamics._growth import growing
from ranvier.dynamics._linearity import Linearity
from ranvier.dynamics._named import placed, shortened
from ranvier.dynamics._names import check_name
from ranvier.dynamics._quotients import Quotient, quotients
from ranvier.dynamics._sizes import expanded, terms
from ranvier.dynamics._spike_times import rough
from ranvier.dynamics._starts import DRAWS, Start, read_starts
from ranvier.dynamics._step import Step, build_step
from ranvier.dynamics._symbols import Reader
from ranvier.dynamics._system import Event, System, read_system
from ranvier.dynamics.graphs import components, ordered
from ranvier.dynamics.integrators import METHODS, check_method
from ranvier.dynamics.program import Exponential, Program, Prologue, Statement, Tape, tidy
from ranvier.dynamics.symbols import COUNTER, Role, Symbol
from ranvier.dynamics.text import parse_equations, parse_expression, parse_unit

__all__ = [
    "COUNTER",
    "DRAWS",
    "METHODS",
    "OWN_RESETS",
    "RESETS",
    "TIME",
    "WHOLE",
    "Adjoint",
    "ByStructure",
    "Cuts",
    "Event",
    "Exponential",
    "Linearity",
    "Program",
    "Prologue",
    "Quotient",
    "Reader",
    "Reset",
    "Role",
    "Start",
    "Statement",
    "Step",
    "Symbol",
    "System",
    "Tape",
    "adjoint",
    "assigned_times",
    "build_step",
    "check_method",
    "check_name",
    "choose_saved",
    "components",
    "derivative",
    "divisors",
    "exact_step",
    "exact_times",
    "expanded",
    "growing",
    "named_draws",
    "ordered",
    "parse_equations",
    "parse_expression",
    "parse_unit",
    "placed",
    "quotients",
    "read_starts",
    "read_system",
    "rough",
    "shortened",
    "tangent",
    "terms",
    "tidy",
    "time_apart",
    "wrong_reset",
]
