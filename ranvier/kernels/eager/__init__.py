"""Programs as torch functions, evaluated when called: every call needs them, whichever provider runs its kernels."""

from ranvier.kernels.eager._step import clock, coefficients, some_coefficients, step_function

__all__ = ["clock", "coefficients", "some_coefficients", "step_function"]
