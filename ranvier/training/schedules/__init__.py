"""Learning rates over time: a factor for every epoch, or any schedule of torch."""

from ranvier.training.schedules._schedule import Given, Running, choose_schedule
from ranvier.training.schedules._torch import TorchSchedule

__all__ = ["Given", "Running", "TorchSchedule", "choose_schedule"]
