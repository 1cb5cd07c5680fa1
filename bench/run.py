#!/usr/bin/env python3
"""Measures dptrain beside what its users would pick instead, and writes docs/performance.md.

    python3 bench/run.py                  build/bin, data/names.txt, a few minutes
    python3 bench/run.py --words [FILE]   a model of words; writes docs/performance_words.md
    python3 bench/run.py --help           what can be chosen
    python3 bench/run.py --from FILE      writes the report again from saved measurements

All candidates are measured in one run, in turn, for several rounds; see README.md beside this file.
"""
import argparse
import contextlib
import json
import pathlib
import shlex
import sys
import tempfile
import time

import machine
import models
import report
import shapes
import shapes_report
from candidates import ROOT, Unavailable
from comparison import CHECKED_STEPS, Bench, say


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", default=ROOT / "build/bin", metavar="DIR",
                        help="where dptrain and pack_dataset are [build/bin]")
    parser.add_argument("--data", default=ROOT / "data/names.txt", metavar="FILE",
                        help="text to train on, one word a line [data/names.txt]")
    parser.add_argument("--words", nargs="?", const="", metavar="FILE",
                        help="measure a model of the words of this text, blank-separated; without "
                             "FILE, of a generated text")
    parser.add_argument("--shapes", action="store_true",
                        help="measure models of many shapes beside JAX and a plain step by BLAS, "
                             "on one core")
    parser.add_argument("--only-shape", default="", metavar="TEXT",
                        help="of these shapes only those with TEXT in their name, such as "
                             "V4000 or H512-B32; for development")
    parser.add_argument("--optimizer", default="sgd", choices=("sgd", "adamw"),
                        help="what the shapes are trained with [sgd]")
    parser.add_argument("--dropout", type=float, default=0, metavar="SHARE",
                        help="of the hidden units in training of the shapes [0]")
    parser.add_argument("--python", action="append", default=[], metavar="PROGRAM",
                        help="measure PyTorch's eager loop under this Python too, for another "
                             "version of PyTorch; may be repeated")
    parser.add_argument("--rounds", type=int, default=7, help="measurements of each [7]")
    parser.add_argument("--seconds", type=float, default=0.8, help="a measurement takes [0.8]")
    parser.add_argument("--patience", type=float, default=10, metavar="SECONDS",
                        help="spend so long on a measurement until other processes pause [10]")
    parser.add_argument("--only", default="", metavar="TEXT",
                        help="only baselines with TEXT in their label; for development")
    parser.add_argument("--save", metavar="FILE", help="keep the measurements as JSON")
    parser.add_argument("--from", dest="saved", metavar="FILE",
                        help="do not measure: report what --save kept")
    parser.add_argument("--output", default=ROOT / "docs", metavar="DIR",
                        help="where performance.md and its picture go [docs]")
    return parser.parse_args()


def command_options():
    """The options as given, without what only says where files are on this machine."""
    kept, words = [], iter(sys.argv[1:])
    for word in words:
        if word in ("--save", "--output", "--bin"):
            next(words)
        else:
            kept.append(pathlib.Path(word).name if word.startswith("/") else word)
    return kept


def find_text(options, folder):
    """What is trained on: names, a text of words, or one made here."""
    if options.words is None:
        return pathlib.Path(options.data).resolve()
    if options.words:
        return pathlib.Path(options.words).resolve()
    text = pathlib.Path(folder) / "words.txt"
    models.generate_words(text)
    return text


def results_of(bench):
    """What is kept of a run, and reported."""
    options, model = bench.options, bench.model
    return {**about_the_run(options), "model": model["name"], "generated": options.words == "",
            "shape": model["shape"], "vocab": bench.program.vocab,
            "checked": {"steps": CHECKED_STEPS, "batch": model["checked_batch"]},
            "candidates": bench.measure(), "versions": bench.versions,
            "agreement": bench.agreement, "unavailable": bench.unavailable}


def about_the_run(options):
    return {"command": shlex.join(["python3", "bench/run.py", *command_options()]),
            "date": time.strftime("%Y-%m-%d"), "machine": machine.describe(),
            "rounds": options.rounds, "seconds": options.seconds}


def measured(options):
    if options.shapes:
        return {**about_the_run(options), **shapes.measure(options)}
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as cleanup:
        model = models.NAMES if options.words is None else models.WORDS
        bench = Bench(options, model, find_text(options, folder), folder, cleanup)
        say("starting the candidates")
        bench.prepare()
        return results_of(bench)


def main():
    options = parse_arguments()
    try:
        if options.saved:
            results = json.loads(pathlib.Path(options.saved).read_text(encoding="utf-8"))
        else:
            results = measured(options)
    except (Unavailable, OSError) as error:
        sys.exit(f"run.py: {error}")
    if options.save:
        pathlib.Path(options.save).write_text(json.dumps(results), encoding="utf-8")
    writer = shapes_report if "shapes" in results else report
    writer.write(results, pathlib.Path(options.output))


if __name__ == "__main__":
    main()
