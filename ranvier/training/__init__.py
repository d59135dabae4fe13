"""Training: a loop, losses and learning rules, each a plug on an unchanged network."""

from ranvier.training import losses, rules
from ranvier.training._callbacks import Callback
from ranvier.training._early_stopping import EarlyStopping
from ranvier.training._fit import Epoch, Fit
from ranvier.training._metrics import Score
from ranvier.training._train import train

__all__ = ["Callback", "EarlyStopping", "Epoch", "Fit", "Score", "losses", "rules", "train"]
