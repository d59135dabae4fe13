"""Training: a loop, losses and learning rules, each a plug on an unchanged network."""

from ranvier.training import losses, metrics, regularizers, rules
from ranvier.training._average import Average
from ranvier.training._callbacks import Callback
from ranvier.training._early_stopping import EarlyStopping
from ranvier.training._fit import Epoch, Fit
from ranvier.training._initialize import initialize
from ranvier.training._shrink import Stage, shrink_steps
from ranvier.training._tensorboard import TensorBoard
from ranvier.training._train import train
from ranvier.training.metrics import Metric, Score
from ranvier.training.schedules import TorchSchedule

__all__ = [
    "Average",
    "Callback",
    "EarlyStopping",
    "Epoch",
    "Fit",
    "Metric",
    "Score",
    "Stage",
    "TensorBoard",
    "TorchSchedule",
    "initialize",
    "losses",
    "metrics",
    "regularizers",
    "rules",
    "shrink_steps",
    "train",
]
