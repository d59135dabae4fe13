"""The same with Norse."""

import torch
from norse.torch.functional.lif import LIFParameters, LIFState, lif_step


def run(w, x):
    at_rest, back = torch.zeros(x.shape[1], 1), torch.zeros(1, 1)
    state, kept = LIFState(z=at_rest, v=at_rest, i=at_rest), []
    for now in x:
        z, state = lif_step(now, state, w, back, p=LIFParameters())
        kept.append((z, state.v, state.i))
    return map(torch.stack, zip(*kept, strict=True))


def signals(given):
    w = given["w"].clone().requires_grad_()
    spikes, v, i = run(w, given["x"])
    spikes.sum().backward()
    return {"spikes": spikes, "v": v, "i": i, "gradient": w.grad}


def score(samples, seed, epochs):
    torch.manual_seed(seed)
    w = torch.nn.Parameter(torch.randn(1, samples.x.shape[2]) * 2**0.5)
    optimizer = torch.optim.SGD([w], lr=0.1)
    for _ in range(epochs):
        optimizer.zero_grad()
        spikes, *_ = run(w, samples.x.transpose(0, 1))
        loss = (spikes.sum(0) - samples.y).abs().sum()
        loss.backward()
        optimizer.step()
        if not loss:
            break
    return loss.item()
