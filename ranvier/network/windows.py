"""A call run window by window, for learning rules: what it takes, its plan, and the runner of its windows."""

from ranvier.network._again import Again
from ranvier.network._planning import plan_call
from ranvier.network._population import signal_of
from ranvier.network._runner import Runner
from ranvier.network._window import Window
from ranvier.network.checks import take_inputs

__all__ = ["Again", "Runner", "Window", "plan_call", "signal_of", "take_inputs"]
