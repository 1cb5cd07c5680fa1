#!/usr/bin/env python3
"""Makes tests/golden/golden.h5: what PyTorch computes for two small models.

Run it with PyTorch, NumPy and h5py installed:  tests/golden/make_golden.py
The file is kept, so neither the build nor the tests need Python. PyTorch works in float64 from
parameters that are exact in float32, so its values are a truth that float32 code is compared with.

Groups /small and /base, each with
  attributes of the root NAME_loss_T   mean loss of step T = 0..9, before its update
  NAME/contexts [10 * batch, block], NAME/targets [10 * batch]   uint32 ids
  NAME/logits   [batch, vocab]         of step 0
  NAME/params, NAME/gradient, NAME/trained: C, W1, b1, W2, b2 before, their gradient at step 0, and
                                       after ten steps of plain SGD with learning rate 0.1
"""
import pathlib

import h5py
import numpy as np
import torch
import torch.nn.functional as F

STEPS = 10
LR = 0.1
NAMES = ["C", "W1", "b1", "W2", "b2"]


def make(file, name, vocab, block, embedding, hidden, batch, seed):
    g = torch.Generator().manual_seed(seed)
    shapes = [(vocab, embedding), (block * embedding, hidden), (hidden,), (hidden, vocab), (vocab,)]
    start = [0.5 * torch.randn(shape, generator=g, dtype=torch.float32) for shape in shapes]
    contexts = torch.randint(0, vocab, (STEPS * batch, block), generator=g)
    targets = torch.randint(0, vocab, (STEPS * batch,), generator=g)
    params = [p.double().requires_grad_() for p in start]

    def logits_of(x):
        c, w1, b1, w2, b2 = params
        h = torch.tanh(c[x].view(x.shape[0], -1) @ w1 + b1)
        return h @ w2 + b2

    group = file.create_group(name)
    group["contexts"] = contexts.numpy().astype("<u4")
    group["targets"] = targets.numpy().astype("<u4")
    for step in range(STEPS):
        rows = slice(step * batch, (step + 1) * batch)
        logits = logits_of(contexts[rows])
        loss = F.cross_entropy(logits, targets[rows])
        for p in params:
            p.grad = None
        loss.backward()
        file.attrs[f"{name}_loss_{step}"] = np.float64(loss.item())
        if step == 0:
            group["logits"] = logits.detach().numpy().astype("<f4")
            for n, p, s in zip(NAMES, params, start):
                group[f"params/{n}"] = s.numpy().astype("<f4")
                group[f"gradient/{n}"] = p.grad.numpy().astype("<f4")
        with torch.no_grad():
            for p in params:
                p -= LR * p.grad
    for n, p in zip(NAMES, params):
        group[f"trained/{n}"] = p.detach().numpy().astype("<f4")


path = pathlib.Path(__file__).with_name("golden.h5")
with h5py.File(path, "w") as f:
    f.attrs["made_by"] = np.bytes_(f"PyTorch {torch.__version__}")
    make(f, "small", vocab=11, block=3, embedding=4, hidden=8, batch=33, seed=1)
    make(f, "base", vocab=27, block=3, embedding=6, hidden=200, batch=32, seed=2)
print(path, path.stat().st_size, "bytes")
