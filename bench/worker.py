#!/usr/bin/env python3
"""A process that trains with one candidate, on command; run.py starts it.

worker.py JSON: {"kind", "dataset", "text", "vocab", "shape", "init", "seed", "learning_rate"}. The
rank and the number of processes come from the environment (RANK, WORLD_SIZE), as torchrun sets them. Each line
of standard input is one command, each line of standard output one answer, both JSON:

    {"do": "versions"}                         {"python": ..., "torch": ...}
    {"do": "losses", "batch", "steps"}         [loss of this process's rows, ...] on dptrain's rows
    {"do": "time", "batch", "stretches": n, "steps": m}
                                               [µs a step over each stretch of m steps, ...]

An answer {"error": text} is the last one. Waiting for a command costs no processor time.
"""
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
    """The class of a candidate; imports PyTorch only where it is needed."""
    if kind == "numpy":
        import steps_numpy

        return steps_numpy.KINDS[kind]
    import torch

    import steps_torch

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    return steps_torch.KINDS[kind]


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
        return self.make(self.contexts, self.targets, self.start, self.spec["learning_rate"])

    def versions(self):
        found = {"python": platform.python_version(), "numpy": np.__version__,
                 "name": self.make.name, "rows": len(self.targets)}
        if "torch" in sys.modules:
            found["torch"] = sys.modules["torch"].__version__
        return found

    def losses(self, batch, steps):
        trainer = self.new_trainer()
        share = batch // self.size
        losses = []
        for step in range(steps):
            drawn = philox.batch(self.spec["seed"], step, batch, len(self.targets))
            mine = drawn[self.rank * share : (self.rank + 1) * share]
            if "torch" in sys.modules:
                mine = sys.modules["torch"].from_numpy(mine)
            losses.append(float(trainer.step(mine)))
        return losses

    def time(self, batch, stretches, steps):
        trainer = self.trainer(batch)
        share = batch // self.size
        times = []
        for _ in range(stretches):
            before = time.perf_counter()
            for _ in range(steps):
                trainer.step(trainer.draw(share))
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
