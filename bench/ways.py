#!/usr/bin/env python3
"""What the ways to a step cost: measures them for many shapes, on one core.

    bench/ways.py [--only V500] [--processes 3] [-o tests/model/ways_measured.txt]

Texts are those of shapes.py. In a process of a shape (tests/support/measure_ways.c) the ways take turns of
some milliseconds; what counts is the processor time of a step in the fifth of the turns that was fastest,
and of several processes the median, as where memory comes to lie makes some of them slower. --only measures
the shapes with this in their name, and keeps the lines of the others. unit.ways holds what model/ways
chooses against the table.
"""
import argparse
import os
import pathlib
import statistics
import tempfile

import machine
from candidates import ROOT, Dptrain, Unavailable, run
from shapes import NAMES_VOCAB, SHAPES, text_of

WAYS = "split rows forward pairs contexts".split()
COLUMNS = "vocab block_size embedding hidden batch grains optimizer dropout".split()

# As in shapes.py, and what else is trained by them.
SGD = tuple((*shape, min(8, shape[4])) for shape in SHAPES) + (
    (27, 8, 64, 1000, 32, 8), (27, 8, 64, 2000, 32, 8),
    (27, 3, 10, 200, 128, 8), (27, 3, 10, 200, 32, 1), (27, 3, 10, 200, 256, 64), (27, 3, 2, 100, 32, 8),
    (27, 3, 5, 24, 200, 8), (27, 3, 5, 24, 33, 8), (27, 8, 10, 200, 64, 8), (65, 8, 24, 200, 512, 8), (65, 10, 10, 300, 32, 8),
    (100, 8, 32, 500, 256, 8), (100, 5, 16, 64, 64, 8), (200, 4, 30, 200, 64, 8), (300, 3, 10, 100, 1024, 8),
    (700, 4, 30, 200, 64, 8), (1000, 4, 30, 200, 64, 8), (1400, 4, 30, 200, 64, 8), (2000, 4, 30, 200, 64, 8),
    (3000, 4, 30, 200, 64, 1), (3000, 4, 30, 200, 64, 64),
    (500, 4, 64, 512, 128, 8), (1000, 4, 64, 512, 128, 8), (2000, 4, 64, 512, 128, 8), (1000, 4, 64, 512, 32, 8),
    (2000, 4, 64, 512, 32, 8), (8000, 4, 64, 512, 32, 8), (2000, 4, 60, 1000, 128, 8), (4000, 4, 60, 1000, 64, 8),
    (8000, 4, 60, 1000, 128, 8), (2000, 6, 60, 100, 32, 8), (500, 3, 20, 100, 256, 8),
    (1000, 3, 20, 100, 1024, 8), (2000, 3, 20, 100, 1024, 8),
)
CASES = tuple((*shape, "sgd", 0) for shape in SGD) + (
    *((vocab, 4, 30, 200, 64, 8, optimizer, 0) for optimizer in ("adamw", "momentum")
      for vocab in (500, 1000, 3000)),
    (1000, 4, 64, 512, 128, 8, "adamw", 0), (4000, 4, 64, 512, 128, 8, "adamw", 0),
    (2000, 4, 60, 1000, 128, 8, "adamw", 0), (8000, 6, 60, 500, 256, 8, "momentum", 0),
    (27, 8, 32, 1000, 128, 8, "adamw", 0.35), (27, 3, 10, 200, 32, 8, "adamw", 0), (27, 3, 10, 200, 256, 8, "sgd", 0.2), (1000, 4, 30, 200, 64, 8, "sgd", 0.2),
)


def label_of(case):
    """The first columns of a line of the table, and what --only looks for: V500-K4-E30-H200-B64-G8-adamw."""
    return " ".join(map(str, case)), "V{}-K{}-E{}-H{}-B{}-G{}-{}-{}".format(*case)


def prepare(case, options, folder):
    """The dataset and the config of a case."""
    vocab, block, embedding, hidden, batch, grains, optimizer, dropout = case
    model = {"shape": {"block_size": block, "embedding": embedding, "hidden": hidden}, "init": "scaled",
             "seed": 42, "learning_rate": 0.001,
             "pack": [] if vocab == NAMES_VOCAB else ["--unit", "word", "--stream", "--no-eol"],
             "train": (f"optimizer = {optimizer}", f"batch_size = {batch}", f"grains = {grains}",
                       f"dropout_hidden = {dropout}")}
    program = Dptrain(options.bin, text_of(vocab, options, folder), model, folder)
    if program.vocab != vocab:
        raise Unavailable(f"the dataset has {program.vocab} tokens in place of {vocab}")
    return program


def measure_once(program, options):
    """Microseconds a step by each way that there is, in one process."""
    said = run([options.bin.parent / "tests/measure_ways", options.seconds, program.config], program.environment)
    return {name: float(us) for name, us in (line.split() for line in said.splitlines())}


def measure(case, options):
    """The line of a case. Processes are not equally fast, so what is a median is the share of a way."""
    with tempfile.TemporaryDirectory() as folder:
        program = prepare(case, options, folder)
        found = [measure_once(program, options) for _ in range(options.processes)]
    means = [statistics.geometric_mean(one.values()) for one in found]
    mean = statistics.median(means)
    us = {name: mean * statistics.median(one[name] / its for one, its in zip(found, means)) for name in found[0]}
    return " ".join([label_of(case)[0], *(f"{us[name]:.4g}" if name in us else "-" for name in WAYS)])


def write(lines, options):
    """The table: of each case the new line, or else the one that is there."""
    known = {}
    if options.output.exists():
        rows = [line.strip() for line in options.output.read_text(encoding="utf-8").splitlines() if line[0] != "#"]
        known = {" ".join(line.split()[:len(COLUMNS)]): line for line in rows}
    known.update(lines)
    version = run([options.bin / "dptrain", "--version"], os.environ).strip()
    kept = [known[label_of(case)[0]] for case in CASES if label_of(case)[0] in known]
    options.output.write_text(
        "# Microseconds a step takes by each way to compute it, on one core; - where it cannot be. Written by\n"
        f"# bench/ways.py, last by {version} on {machine.processor()}.\n"
        f"# {' '.join(COLUMNS + WAYS)}\n" + "\n".join(kept) + "\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/bin")
    parser.add_argument("--data", default=ROOT / "data/names.txt")
    parser.add_argument("--seconds", type=float, default=0.25, help="of each process")
    parser.add_argument("--processes", type=int, default=3)
    parser.add_argument("--only", default="", help="cases with this in their name")
    parser.add_argument("-o", "--output", type=pathlib.Path, default=ROOT / "tests/model/ways_measured.txt")
    options = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    lines = {}
    for case in CASES:
        if options.only in label_of(case)[1]:
            lines[label_of(case)[0]] = measure(case, options)
            print(lines[label_of(case)[0]], flush=True)
            write(lines, options)


if __name__ == "__main__":
    main()
