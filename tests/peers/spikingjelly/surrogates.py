"""Beside the examples: the surrogates of SpikingJelly, as derivatives of a spike."""

import torch

from ranvier.compat.spikingjelly import IFNode
from ranvier.surrogates import ArcTan, Boxcar, Sigmoid, StraightThrough, Surrogate
from ranvier.units import ms

SURROGATES = {
    "ATan": ArcTan(alpha=2.0),
    "Sigmoid": Sigmoid(alpha=4.0),
    "PiecewiseQuadratic": Surrogate("alpha*maximum(0, 1 - alpha*abs(u))", alpha=1.0),
    "PiecewiseExp": Surrogate("alpha/2*exp(-alpha*abs(u))", alpha=1.0),
    "SoftSign": Surrogate("alpha/2/(1 + alpha*abs(u))**2", alpha=2.0),
    "SuperSpike": Surrogate("alpha/(1 + abs(u))**2", alpha=1.0),
    "NonzeroSignLogAbs": Surrogate("1/(abs(u) + 1/alpha)", alpha=1.0),
    "Erf": Surrogate("alpha/sqrt(pi)*exp(-(alpha*u)**2)", alpha=2.0),
    "PiecewiseLeakyReLU": Surrogate("where(abs(u) <= w, 1/(2*w), c)", w=1.0, c=0.01),
    "S2NN": Surrogate("where(u < 0, alpha/(2 + 2*cosh(alpha*u)), beta/(1 + abs(u)))", alpha=4.0, beta=1.0),
    "QPseudoSpike": Surrogate("(1 + 2/(alpha - 1)*abs(u))**(-alpha)", alpha=2.0),
    "LeakyKReLU": Surrogate("k*int(u >= 0)", k=1.0),
    "LogTailedReLU": Surrogate("where(u > 0, 1/maximum(u, 1), 0)"),
    "Rect": Boxcar(width=1.0),
    "DeterministicPass": StraightThrough(),
}


def signals(given):
    x = given["levels"].clone().requires_grad_()
    cells = {name: IFNode(surrogate_function=s).layer(dt=1 * ms).output_only() for name, s in SURROGATES.items()}
    return {name: torch.autograd.grad(cell(x).sum(), x)[0] for name, cell in cells.items()}
