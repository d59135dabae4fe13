"""Training: a loop, losses and learning rules, each a plug on an unchanged network."""

from ranvier.training import losses, metrics, regularizers, rules
from ranvier.training._average import Average
from ranvier.training._balance import balance
from ranvier.training._callbacks import Callback
from ranvier.training._early_stopping import EarlyStopping
from ranvier.training._entropy import emission_entropy
from ranvier.training._find_rate import RateTest, find_rate
from ranvier.training._fit import Epoch, Fit
from ranvier.training._fusion import InverseEffectiveness
from ranvier.training._initialize import initialize
from ranvier.training._shrink import Stage, shrink_steps
from ranvier.training._stationary_start import stationary_start
from ranvier.training._tensorboard import TensorBoard
from ranvier.training._train import train
from ranvier.training.diffusion import Denoiser, Diffusion, frechet_distance, scaled_thresholds
from ranvier.training.metrics import Metric, Score
from ranvier.training.schedules import TorchSchedule
from ranvier.training.transfer import Alignment, linear_cka, replaced

__all__ = [
    "Alignment",
    "Average",
    "Callback",
    "Denoiser",
    "Diffusion",
    "EarlyStopping",
    "Epoch",
    "Fit",
    "InverseEffectiveness",
    "Metric",
    "RateTest",
    "Score",
    "Stage",
    "TensorBoard",
    "TorchSchedule",
    "balance",
    "emission_entropy",
    "find_rate",
    "frechet_distance",
    "initialize",
    "linear_cka",
    "losses",
    "metrics",
    "regularizers",
    "replaced",
    "rules",
    "scaled_thresholds",
    "shrink_steps",
    "stationary_start",
    "train",
]
