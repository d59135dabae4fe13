"""Programs as torch functions, evaluated as they are called: what every call needs, whichever provider runs its kernels."""

from ranvier.kernels.eager._step import clock, coefficients, step_function

__all__ = ["clock", "coefficients", "step_function"]
