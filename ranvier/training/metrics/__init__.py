"""Metrics: scores beside the loss. Each has a name, a direction, and a tally that batches are added to."""

from ranvier.training.metrics._accuracy import Accuracy
from ranvier.training.metrics._average_precision import AveragePrecision
from ranvier.training.metrics._errors import MAE, RMSE
from ranvier.training.metrics._metric import Metric, Tallied, Tally
from ranvier.training.metrics._named import named
from ranvier.training.metrics._r2 import R2
from ranvier.training.metrics._score import Mean, Score

__all__ = ["MAE", "R2", "RMSE", "Accuracy", "AveragePrecision", "Mean", "Metric", "Score", "Tallied", "Tally", "named"]
