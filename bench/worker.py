#!/usr/bin/env python3
"""A process that trains with one candidate, on command; run.py starts it.

worker.py JSON: {"kind", "dataset", "text", "vocab", "shape", "init", "seed", "learning_rate"}, and of
JAX where they are not plain SGD's {"optimizer", "weight_decay", "dropout"}. The rank and the number of
processes come from the environment (RANK, WORLD_SIZE), as torchrun sets them. Each line of standard
input is one command, each line of standard output one answer, both JSON:

    {"do": "versions"}                         {"python": ..., "torch": ...}
    {"do": "losses", "batch", "steps"}         [loss of this process's rows, ...] on dptrain's rows
    {"do": "time", "batch", "stretches": n, "steps": m}
                                               [µs a step over each stretch of m steps, ...]

An answer {"error": text} is the last one. Waiting for a command costs no processor time.
"""
import importlib
import json
import os
import platform
import sys
import time
import traceback

import numpy as np

import philox
import rows


def step_class(kind):
    """The class of a candidate; imports only what it needs."""
    module = importlib.import_module({"numpy": "steps_numpy", "jax": "steps_jax",
                                      "blas": "steps_blas"}.get(kind, "steps_torch"))
    return module.KINDS[kind]


class Worker:
    """A candidate and what it has to do."""

    def __init__(self, spec):
        self.spec = spec
        self.make = step_class(spec["kind"])
        self.rank, self.size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
        shape = spec["shape"]
        self.contexts, self.targets = rows.load(spec["dataset"], spec["text"],
                                                shape["block_size"])
        self.start = philox.parameters(spec["seed"], spec["init"], vocab=spec["vocab"], **shape)
        self.trainers = {}

    def trainer(self, batch):
        """One trainer a batch size, so that a compiled one has one shape."""
        if batch not in self.trainers:
            self.trainers[batch] = self.new_trainer()
        return self.trainers[batch]

    def new_trainer(self):
        return self.make(self.contexts, self.targets, self.start, self.spec)

    def versions(self):
        found = {"python": platform.python_version(), "numpy": np.__version__,
                 "name": self.make.name, "rows": len(self.targets)}
        found.update({name: sys.modules[name].__version__ for name in ("torch", "jax")
                      if name in sys.modules})
        return found

    def losses(self, batch, steps):
        share = batch // self.size
        mine = slice(self.rank * share, (self.rank + 1) * share)
        return self.new_trainer().train(
            [philox.batch(self.spec["seed"], step, batch, len(self.targets))[mine]
             for step in range(steps)])

    def time(self, batch, stretches, steps):
        stretch = self.trainer(batch).ready(steps, batch // self.size)
        times = []
        for _ in range(stretches):
            before = time.perf_counter()
            stretch()
            times.append(1e6 * (time.perf_counter() - before) / steps)
        return times


ANSWERS = os.fdopen(os.dup(1), "w")  # apart from what libraries print


def answer(value):
    print(json.dumps(value), file=ANSWERS, flush=True)


def serve(spec):
    worker = Worker(spec)
    for line in sys.stdin:
        arguments = json.loads(line)
        answer(getattr(worker, arguments.pop("do"))(**arguments))


def main():
    os.dup2(2, 1)
    try:
        serve(json.loads(sys.argv[1]))
    except Exception as error:  # whatever stops a candidate, the others go on
        traceback.print_exc()
        lines = str(error).strip().splitlines() or [""]
        answer({"error": f"{type(error).__name__}: {lines[0]}"})
        sys.exit(1)


if __name__ == "__main__":
    main()
