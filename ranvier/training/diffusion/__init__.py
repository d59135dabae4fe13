"""Generation by denoising: noise is added step by step, and a network learns to take it away."""

from ranvier.training.diffusion._denoiser import Denoiser
from ranvier.training.diffusion._frechet import frechet_distance
from ranvier.training.diffusion._process import Diffusion, Model
from ranvier.training.diffusion._thresholds import scaled_thresholds

__all__ = ["Denoiser", "Diffusion", "Model", "frechet_distance", "scaled_thresholds"]
