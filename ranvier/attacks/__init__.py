"""Attacks on networks: samples changed a little so that their class changes, and whether an attack sees gradients."""

from ranvier.attacks._attack import Attack
from ranvier.attacks._attacked import Attacked
from ranvier.attacks._certificate import Certificate
from ranvier.attacks._certify import certify
from ranvier.attacks._fgsm import FGSM
from ranvier.attacks._pgd import PGD
from ranvier.attacks._potential_dependent import PotentialDependent
from ranvier.attacks._random_flips import RandomFlips
from ranvier.attacks._random_noise import RandomNoise
from ranvier.attacks._sparse_dynamic import SparseDynamic

__all__ = [
    "FGSM",
    "PGD",
    "Attack",
    "Attacked",
    "Certificate",
    "PotentialDependent",
    "RandomFlips",
    "RandomNoise",
    "SparseDynamic",
    "certify",
]
