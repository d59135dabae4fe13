"""A call run window by window, for learning rules: what it takes, its plan, and the runner of its windows."""

from ranvier.network.checks import take_inputs
from ranvier.network.plan.built import part_of
from ranvier.network.plan.planning import plan_call
from ranvier.network.run.again import Again
from ranvier.network.run.runner import Runner
from ranvier.network.run.streams import streams_of
from ranvier.network.run.window import Window

__all__ = ["Again", "Runner", "Window", "part_of", "plan_call", "streams_of", "take_inputs"]
