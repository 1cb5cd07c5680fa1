#!/usr/bin/env python3
"""Makes tests/golden/golden.h5: what PyTorch computes for some small models, and its optimizers and
schedules.

Run it with PyTorch, NumPy and h5py installed:  tests/golden/make_golden.py
The file is kept, so neither the build nor the tests need Python. PyTorch works in float64 from
parameters that are exact in float32, so its values are a truth that float32 code is compared with.

Groups /small, /base, /dropout, /direct and /linear, each with
  attributes of the root NAME_loss_T   mean loss of step T = 0..9, before its update
  NAME/contexts [10 * batch, block], NAME/targets [10 * batch]   uint32 ids
  NAME/logits   [batch, vocab]         of step 0, without dropout
  NAME/params, NAME/gradient, NAME/trained: C, W1, b1, W2, b2 (and Wd) before, their gradient at step
                                       0, and after ten steps of plain SGD with learning rate 0.1

Group /wide: a vocabulary of several blocks, with direct connections
  NAME/C, ...                          after WIDE_STEPS steps: sparse_sgd and lazy_adamw with
                                       torch.nn.Embedding(sparse=True), dense_adamw
  attributes of the root wide_NAME_loss_T

Groups /large and /large_direct (with Wd): batches of LARGE_BATCH rows
  NAME/C, ...                          after LARGE_STEPS steps of sgd, momentum, nesterov and adamw,
  NAME/C_rest, ...                     and what float32 has left out of them
  NAME/C_error, ... [1]                the largest difference of the same steps by PyTorch in float32,
                                       relative to the largest of the tensor

Group /begin: the same after ten steps from the weights of contract_1.h5, which dptrain has written

Group /optimizers: tensors of a small model one behind the other in the order C, W1, b1, W2, b2
  params     [P]                       before the first step
  gradients  [STEPS, P]                of each step, whatever the optimizer has done; they grow, so
                                       that clipping leaves the first ones alone
  NAME/params [P], and NAME/momentum_buffer or NAME/exp_avg, NAME/exp_avg_sq [P]: after the last one
Group /schedules
  NAME       [RATES]                   the rates of a schedule
Attributes of the root init_W1, init_W2, init_Wd: the deviation of torch.nn.init's Kaiming normal for the layers
                                       of /base
"""
import pathlib
import sys

import h5py
import numpy as np
import torch
import torch.nn.functional as F
from torch.optim import lr_scheduler

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "bench"))
import philox  # dptrain's random numbers, in NumPy

STEPS = 10
LR = 0.1
NAMES = ["C", "W1", "b1", "W2", "b2"]


STREAM_DROP_EMBEDDING, STREAM_DROP_HIDDEN = 5, 6


def dropout_factors(stream, step, batch, sizes, rate, seed):
    """What dropout multiplies elements by, [batch, sum of sizes]: 0 or 1 / (1 - rate). Masks as
    src/kernels/dropout.h describes them; each of `sizes` elements begins a byte."""
    threshold = round(rate * 65536)
    bytes_each = [(size + 7) // 8 for size in sizes]
    rows, byte = np.arange(batch)[:, None], np.arange(sum(bytes_each))[None, :]
    words = philox.words(seed, stream, step, (rows << 24) | byte)
    halves = np.stack([half for word in words
                       for half in (word & np.uint64(0xFFFF), word >> np.uint64(16))], axis=-1)
    kept = (halves >= threshold).reshape(batch, -1)
    starts = np.cumsum([0, *bytes_each])[:-1] * 8
    columns = np.concatenate([start + np.arange(size) for start, size in zip(starts, sizes)])
    return torch.from_numpy(kept[:, columns] * (65536.0 / (65536.0 - threshold)))


def make(file, name, vocab, block, embedding, hidden, batch, seed, rates=None, direct=False):
    """`rates`: of dropout on features and on hidden units; `direct`: with Wd."""
    g = torch.Generator().manual_seed(seed)
    shapes = [(vocab, embedding), (block * embedding, hidden), (hidden,), (hidden, vocab), (vocab,)]
    names = NAMES
    if direct:
        shapes.append((block * embedding, vocab))
        names = NAMES + ["Wd"]
    start = [0.5 * torch.randn(shape, generator=g, dtype=torch.float32) for shape in shapes]
    contexts = torch.randint(0, vocab, (STEPS * batch, block), generator=g)
    targets = torch.randint(0, vocab, (STEPS * batch,), generator=g)
    params = [p.double().requires_grad_() for p in start]

    def logits_of(x, step=None):
        c, w1, b1, w2, b2 = params[:5]
        features = c[x].view(x.shape[0], -1)
        if rates and step is not None:
            features = features * dropout_factors(STREAM_DROP_EMBEDDING, step, batch,
                                                  [embedding] * block, rates[0], seed)
        h = torch.tanh(features @ w1 + b1)
        if rates and step is not None:
            h = h * dropout_factors(STREAM_DROP_HIDDEN, step, batch, [hidden], rates[1], seed)
        return h @ w2 + b2 + (features @ params[5] if direct else 0.0)

    group = file.create_group(name)
    group["contexts"] = contexts.numpy().astype("<u4")
    group["targets"] = targets.numpy().astype("<u4")
    for step in range(STEPS):
        rows = slice(step * batch, (step + 1) * batch)
        loss = F.cross_entropy(logits_of(contexts[rows], step), targets[rows])
        for p in params:
            p.grad = None
        loss.backward()
        file.attrs[f"{name}_loss_{step}"] = np.float64(loss.item())
        if step == 0:
            group["logits"] = logits_of(contexts[rows]).detach().numpy().astype("<f4")
            for n, p, s in zip(names, params, start):
                group[f"params/{n}"] = s.numpy().astype("<f4")
                group[f"gradient/{n}"] = p.grad.numpy().astype("<f4")
        with torch.no_grad():
            for p in params:
                p -= LR * p.grad
    for n, p in zip(names, params):
        group[f"trained/{n}"] = p.detach().numpy().astype("<f4")


# What tests/engine/test_split_engine.c and test_large_batches.c draw in the same way: integers that are
# the same in any language.
VOCAB, BLOCK, EMBEDDING, HIDDEN, BATCH, WIDE_STEPS = 1100, 3, 2, 5, 24, 8


def scramble(n):
    return (n * 2654435761) % 2**32


def start_of(number, rows, cols):
    """Initial values of tensor `number`, in [-0.5, 0.5), exact in float32."""
    values = [(scramble(i + 40503 * number) >> 16) / 65536 - 0.5 for i in range(rows * cols)]
    return torch.tensor(values, dtype=torch.float64).view(rows, cols)


def wide_batch(step):
    contexts = [[(scramble(7919 * step + 104729 * r + 1299709 * k + 17) >> 8)
                 % (20 if k % 2 == 0 else VOCAB) for k in range(BLOCK)] for r in range(BATCH)]
    targets = [(scramble(15485863 * step + 32452843 * r + 5) >> 8) % VOCAB for r in range(BATCH)]
    return torch.tensor(contexts), torch.tensor(targets)


class WideModel(torch.nn.Module):
    def __init__(self, sparse):
        super().__init__()
        inputs = BLOCK * EMBEDDING
        self.C = torch.nn.Embedding(VOCAB, EMBEDDING, sparse=sparse,
                                    _weight=start_of(0, VOCAB, EMBEDDING))
        self.W1 = torch.nn.Parameter(start_of(1, inputs, HIDDEN))
        self.b1 = torch.nn.Parameter(start_of(2, 1, HIDDEN)[0])
        self.W2 = torch.nn.Parameter(start_of(3, HIDDEN, VOCAB))
        self.b2 = torch.nn.Parameter(start_of(4, 1, VOCAB)[0])
        self.Wd = torch.nn.Parameter(start_of(5, inputs, VOCAB))

    def forward(self, contexts):
        x = self.C(contexts).flatten(1)
        return torch.tanh(x @ self.W1 + self.b1) @ self.W2 + self.b2 + x @ self.Wd


BETAS, EPSILON, WIDE_DECAY = (0.9, 0.999), 1e-2, 0.1


def wide_optimizers(name, model):
    """Of the embedding and of the rest. The biases do not decay."""
    weights, biases = [model.W1, model.W2, model.Wd], [model.b1, model.b2]
    embedding = [model.C.weight]
    if name == "sparse_sgd":
        return [torch.optim.SGD(embedding + weights + biases, lr=0.1)]
    if name == "dense_adamw":
        return [torch.optim.AdamW([{"params": embedding + weights, "weight_decay": WIDE_DECAY},
                                   {"params": biases, "weight_decay": 0.0}], betas=BETAS, eps=EPSILON)]
    return [torch.optim.SparseAdam(embedding, betas=BETAS),
            torch.optim.AdamW([{"params": weights, "weight_decay": WIDE_DECAY},
                               {"params": biases, "weight_decay": 0.0}], betas=BETAS, eps=EPSILON)]


def make_wide(file):
    """SparseAdam adds its epsilon to sqrt(v) before the bias is corrected, AdamW and dptrain after it:
    so it is scaled here. It has no weight decay; dptrain lets the rows that occur decay first."""
    for name in ("sparse_sgd", "dense_adamw", "lazy_adamw"):
        model = WideModel(sparse=name != "dense_adamw")
        optimizers = wide_optimizers(name, model)
        for step in range(WIDE_STEPS):
            lr = 0.1 / (1.0 + 0.1 * step)
            contexts, targets = wide_batch(step)
            loss = F.cross_entropy(model(contexts), targets)
            file.attrs[f"wide_{name}_loss_{step}"] = np.float64(loss.item())
            model.zero_grad()
            loss.backward()
            for optimizer in optimizers:
                for group in optimizer.param_groups:
                    group["lr"] = lr
                if isinstance(optimizer, torch.optim.SparseAdam):
                    group["eps"] = EPSILON * (1.0 - BETAS[1] ** (step + 1)) ** 0.5
                    with torch.no_grad():
                        model.C.weight[contexts.unique()] *= 1.0 - lr * WIDE_DECAY
                optimizer.step()
        for tensor, values in model.state_dict().items():
            file[f"wide/{name}/{tensor.split('.')[0]}"] = values.numpy().astype("<f4")


# Two blocks of the output. A few tokens have half of the places and targets, as in most texts: sums over
# thousands of rows.
LARGE_VOCAB, LARGE_BLOCK, LARGE_EMBEDDING, LARGE_HIDDEN = 250, 3, 4, 8
LARGE_BATCH, LARGE_STEPS = 8192, 3


def skewed(drawn, few):
    return torch.from_numpy(np.where(drawn % 2 == 0, drawn // 2 % few, drawn // 2 % LARGE_VOCAB))


def large_batch(step):
    rows, place = np.arange(LARGE_BATCH)[:, None], np.arange(LARGE_BLOCK)[None, :]
    contexts = scramble(7919 * step + 104729 * rows + 1299709 * place + 17) >> 8
    targets = scramble(15485863 * step + 32452843 * rows[:, 0] + 5) >> 8
    return skewed(contexts, 2), skewed(targets, 8)


LARGE_OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.8),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.8, nesterov=True),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.1, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.0),
}


def train(start, batches, make_optimizer, dtype):
    """A step with each of `batches` from the tensors `start`."""
    params = {name: values.detach().clone().to(dtype).requires_grad_() for name, values in start.items()}
    optimizer = make_optimizer(params.values())
    for contexts, targets in batches:
        x = params["C"][contexts].flatten(1)
        logits = torch.tanh(x @ params["W1"] + params["b1"]) @ params["W2"] + params["b2"]
        optimizer.zero_grad()
        F.cross_entropy(logits + x @ params["Wd"] if "Wd" in params else logits, targets).backward()
        optimizer.step()
    return {name: p.detach().double().numpy() for name, p in params.items()}


def make_trained(file, group, start, batches):
    for name, make_optimizer in LARGE_OPTIMIZERS.items():
        exact = train(start, batches, make_optimizer, torch.float64)
        rounded = train(start, batches, make_optimizer, torch.float32)
        for tensor, values in exact.items():
            error = np.abs(rounded[tensor] - values).max() / np.abs(values).max()
            file[f"{group}/{name}/{tensor}_error"] = np.array([error], dtype="<f4")
            file[f"{group}/{name}/{tensor}"] = values.astype("<f4")
            file[f"{group}/{name}/{tensor}_rest"] = (values - values.astype("<f4")).astype("<f4")


def make_large(file, group, direct):
    inputs = LARGE_BLOCK * LARGE_EMBEDDING
    shapes = {"C": (LARGE_VOCAB, LARGE_EMBEDDING), "W1": (inputs, LARGE_HIDDEN), "b1": (1, LARGE_HIDDEN),
              "W2": (LARGE_HIDDEN, LARGE_VOCAB), "b2": (1, LARGE_VOCAB), "Wd": (inputs, LARGE_VOCAB)}
    start = {name: start_of(i, *shape) for i, (name, shape) in enumerate(shapes.items())}
    start = {name: values[0] if name[0] == "b" else values
             for name, values in start.items() if direct or name != "Wd"}
    make_trained(file, group, start, [large_batch(step) for step in range(LARGE_STEPS)])


# What tests/train/test_begin.c draws in the same way.
BEGIN_FROM, BEGIN_BATCH = "contract_1.h5", 33


def make_begin(file):
    """From weights that dptrain has trained and written."""
    with h5py.File(pathlib.Path(__file__).with_name(BEGIN_FROM)) as checkpoint:
        start = {name: torch.tensor(checkpoint["params"][name][:]) for name in NAMES}
        vocab, block = len(checkpoint["vocab/tokens"]), int(checkpoint.attrs["block_size"])
    rows, place = np.arange(BEGIN_BATCH)[:, None], np.arange(block)[None, :]
    batches = [((scramble(7919 * step + 104729 * rows + 1299709 * place + 17) >> 8) % vocab,
                (scramble(15485863 * step + 32452843 * rows[:, 0] + 5) >> 8) % vocab)
               for step in range(STEPS)]
    make_trained(file, "begin", start, [tuple(map(torch.from_numpy, batch)) for batch in batches])


# What tests/test_optimizer.c and tests/test_schedule.c set in the same way.
CLIP = 3.0
DECAY = 0.05
OPTIMIZERS = {  # decay and clipping, and how the optimizer is made of its groups
    "sgd": (0.0, None, lambda g: torch.optim.SGD(g, lr=0.1)),
    "sgd_decay": (DECAY, None, lambda g: torch.optim.SGD(g, lr=0.1)),
    "sgd_clip": (0.0, CLIP, lambda g: torch.optim.SGD(g, lr=0.1)),
    "momentum": (0.0, None, lambda g: torch.optim.SGD(g, lr=0.1, momentum=0.8)),
    "momentum_decay_clip": (DECAY, CLIP, lambda g: torch.optim.SGD(g, lr=0.1, momentum=0.8)),
    "nesterov": (0.0, None, lambda g: torch.optim.SGD(g, lr=0.1, momentum=0.8, nesterov=True)),
    "nesterov_decay_clip": (DECAY, CLIP,
                            lambda g: torch.optim.SGD(g, lr=0.1, momentum=0.8, nesterov=True)),
    "adamw": (0.0, None, lambda g: torch.optim.AdamW(g, lr=0.1, betas=(0.8, 0.95), eps=1e-3)),
    "adamw_decay_clip": (DECAY, CLIP,
                         lambda g: torch.optim.AdamW(g, lr=0.1, betas=(0.8, 0.95), eps=1e-3)),
}


def flat(tensors):
    return torch.cat([t.detach().flatten() for t in tensors]).numpy().astype("<f4")


def make_optimizers(file, vocab, block, embedding, hidden, seed):
    g = torch.Generator().manual_seed(seed)
    shapes = [(vocab, embedding), (block * embedding, hidden), (hidden,), (hidden, vocab), (vocab,)]

    def draw():
        return [torch.randn(shape, generator=g, dtype=torch.float32) for shape in shapes]

    start = draw()
    gradients = [[0.05 * (step + 1) * t for t in draw()] for step in range(STEPS)]
    group = file.create_group("optimizers")
    group["params"] = flat(start)
    group["gradients"] = np.stack([flat(step) for step in gradients])
    for name, (decay, clip, make) in OPTIMIZERS.items():
        params = [p.double().requires_grad_() for p in start]
        optimizer = make([
            {"params": [p for p in params if p.dim() == 2], "weight_decay": decay},
            {"params": [p for p in params if p.dim() == 1], "weight_decay": 0.0},
        ])
        for step in gradients:
            for p, t in zip(params, step):
                p.grad = t.double()
            if clip is not None:
                torch.nn.utils.clip_grad_norm_(params, clip)
            optimizer.step()
        group[f"{name}/params"] = flat(params)
        for key in ("momentum_buffer", "exp_avg", "exp_avg_sq"):
            if optimizer.state[params[0]].get(key) is not None:
                group[f"{name}/{key}"] = flat([optimizer.state[p][key] for p in params])


RATES = 100
WARMUP = 10


def after_warmup(optimizer, schedule):
    """A schedule behind a linear warm-up that begins at 1 / WARMUP of the rate."""
    rise = lr_scheduler.LinearLR(optimizer, start_factor=1 / WARMUP, total_iters=WARMUP - 1)
    return lr_scheduler.SequentialLR(optimizer, [rise, schedule(optimizer)], milestones=[WARMUP])


SCHEDULES = {
    "step": lambda o: lr_scheduler.MultiStepLR(o, [30, 60, 80], gamma=0.3),
    "step_warmup": lambda o: after_warmup(o, lambda o: lr_scheduler.MultiStepLR(
        o, [m - WARMUP for m in (30, 60, 80)], gamma=0.3)),
    "constant": lambda o: lr_scheduler.ConstantLR(o, factor=1.0),
    "constant_warmup": lambda o: after_warmup(o, lambda o: lr_scheduler.ConstantLR(o, factor=1.0)),
    "cosine": lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=RATES),
    "cosine_warmup": lambda o: after_warmup(o, lambda o: lr_scheduler.CosineAnnealingLR(
        o, T_max=RATES - WARMUP, eta_min=0.1 * 0.5)),
    "inverse": lambda o: lr_scheduler.LambdaLR(o, lambda t: 1 / (1 + 0.02 * t)),
    "inverse_warmup": lambda o: after_warmup(
        o, lambda o: lr_scheduler.LambdaLR(o, lambda t: 1 / (1 + 0.02 * t))),
}


def make_schedules(file):
    for name, make_schedule in SCHEDULES.items():
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
        schedule = make_schedule(optimizer)
        rates = []
        for _ in range(RATES):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            schedule.step()
        file[f"schedules/{name}"] = np.array(rates, dtype="<f4")


path = pathlib.Path(__file__).with_name("golden.h5")
with h5py.File(path, "w") as f:
    f.attrs["made_by"] = np.bytes_(f"PyTorch {torch.__version__}")
    make(f, "small", vocab=11, block=3, embedding=4, hidden=8, batch=33, seed=1)
    make(f, "base", vocab=27, block=3, embedding=6, hidden=200, batch=32, seed=2)
    make(f, "dropout", vocab=11, block=3, embedding=4, hidden=12, batch=33, seed=4,
         rates=(0.25, 0.4))
    make(f, "direct", vocab=23, block=3, embedding=4, hidden=9, batch=33, seed=5,
         rates=(0.25, 0.4), direct=True)
    make(f, "linear", vocab=23, block=2, embedding=5, hidden=0, batch=33, seed=6, direct=True)
    make_wide(f)
    make_large(f, "large", direct=False)
    make_large(f, "large_direct", direct=True)
    make_begin(f)
    make_optimizers(f, vocab=11, block=3, embedding=4, hidden=8, seed=3)
    make_schedules(f)
    f.attrs["init_W1"] = torch.nn.init.calculate_gain("tanh") / np.sqrt(3 * 6)
    f.attrs["init_W2"] = torch.nn.init.calculate_gain("linear") / np.sqrt(200)
    f.attrs["init_Wd"] = torch.nn.init.calculate_gain("linear") / np.sqrt(3 * 6)
print(path, path.stat().st_size, "bytes")
