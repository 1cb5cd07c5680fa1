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
from candidates import ROOT, Dptrain, DptrainCandidate, Unavailable, WorkerCandidate, Workers
from figures import QUIET, is_quiet

CHECKED_STEPS, CHECKED_BATCH, TOLERANCE = 50, 32, 1e-3

def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", default=ROOT / "build/bin", metavar="DIR",
                        help="where dptrain and pack_dataset are [build/bin]")
    parser.add_argument("--data", default=ROOT / "data/names.txt", metavar="FILE",
                        help="text to train on, one word a line [data/names.txt]")
    parser.add_argument("--words", nargs="?", const="", metavar="FILE",
                        help="measure a model of the words of this text, blank-separated; without "
                             "FILE, of a generated text")
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


def say(text):
    print(text, file=sys.stderr, flush=True)


# --- the candidates ------------------------------------------------------------------------------


def dptrain_candidates(program, model):
    """dptrain at all batches, and its variants."""
    runs = [(ranks, batch, ()) for batch in model["batches"] for ranks in (1, 2)]
    runs += [(ranks, 32, ()) for ranks in model["ranks_at_32"]]
    return [DptrainCandidate(program, *run) for run in runs + model["variants"]]


def baseline_table(model, more_pythons):
    """(family, kind, processes, threads, Python) of each baseline."""
    return [*((*row, sys.executable) for row in model["baselines"]),
            *(("PyTorch", "eager", 1, 1, python) for python in more_pythons)]


def label_of(family, versions, processes, threads):
    """Such as "PyTorch 2.13.0 eager, notebook"; versions come from a worker."""
    version = versions.get("torch", versions["numpy"]).split("+")[0]
    name = f"{family} {version} {versions['name']}"
    if processes > 1:
        name = name.replace("1 process", f"{processes} processes")
    return name + (f", {threads} threads" if threads > 1 else "")


class Bench:
    """One run: what is measured, and what came out."""

    def __init__(self, options, folder, cleanup):
        self.options, self.cleanup = options, cleanup
        self.model = models.NAMES if options.words is None else models.WORDS
        self.text = self.find_text(folder)
        self.log = open(pathlib.Path(folder) / "workers.log", "w", encoding="utf-8")
        cleanup.callback(self.log.close)
        self.program = Dptrain(options.bin, self.text, self.model, folder)
        self.candidates, self.unavailable, self.agreement = [], [], []
        self.pace = machine.Pace()
        self.versions = {"dptrain": self.program.version()}

    def find_text(self, folder):
        """What is trained on: names, a text of words, or one made here."""
        if self.options.words is None:
            return pathlib.Path(self.options.data).resolve()
        if self.options.words:
            return pathlib.Path(self.options.words).resolve()
        text = pathlib.Path(folder) / "words.txt"
        models.generate_words(text)
        return text

    def spec(self, kind):
        told = {key: self.model[key] for key in ("shape", "init", "seed", "learning_rate")}
        return {"kind": kind, "dataset": str(self.program.dataset), "vocab": self.program.vocab,
                "text": str(self.text) if self.model is models.NAMES else None, **told}

    def prepare(self):
        """Starts all candidates and checks that they do the same work."""
        self.expected = self.program.losses(CHECKED_BATCH, CHECKED_STEPS)
        self.agreement = [{"label": "dptrain", "losses": self.expected}]
        self.candidates = dptrain_candidates(self.program, self.model)
        for row in baseline_table(self.model, self.options.python):
            try:
                self.add_baseline(*row)
            except Unavailable as error:
                self.miss(f"{row[0]}, {row[1]}, {row[2]} process{'es'[: 2 * (row[2] > 1)]}", error)

    def add_baseline(self, family, kind, processes, threads, python):
        workers = Workers(self.spec(kind), self.model["environment"], processes, threads, python,
                          self.log)
        self.cleanup.callback(workers.close)
        versions = workers.ask(do="versions")[0]
        label = label_of(family, versions, processes, threads)
        if self.options.only not in label:
            return
        say(f"  {label}")
        self.check(label, workers.losses(CHECKED_BATCH, CHECKED_STEPS))
        self.versions.update({name: version for name, version in versions.items()
                              if name in ("python", "numpy", "torch")
                              and python == sys.executable})
        self.candidates += self.warmed_up(
            [WorkerCandidate(workers, family, kind, label, batch) for batch in self.model["batches"]])

    @staticmethod
    def warmed_up(candidates):
        for candidate in candidates:
            candidate.warm_up()
        return candidates

    def miss(self, label, error):
        """Notes what cannot be measured, and why; once each."""
        say(f"  failed: {label}: {error}")
        note = {"label": label, "reason": str(error)}
        if note not in self.unavailable:
            self.unavailable.append(note)

    def check(self, label, losses):
        """Same start, same rows: the losses must follow dptrain's."""
        worst = max(abs(a / b - 1) for a, b in zip(losses, self.expected))
        if len(losses) != len(self.expected) or not worst < TOLERANCE:
            raise Unavailable(f"trains something else: a loss is off by {100 * worst:.2g} %")
        self.agreement.append({"label": label, "losses": losses, "worst": worst})

    # --- measuring -------------------------------------------------------------------------------

    def measure(self):
        """All candidates in turn, for several rounds."""
        results = [{**candidate.facts, "rounds": []} for candidate in self.candidates]
        for turn in range(self.options.rounds):
            say(f"round {turn + 1} of {self.options.rounds}")
            for candidate, result in zip(self.candidates, results):
                self.measure_once(candidate, result)
        return [result for result in results if result["rounds"]]

    def measure_quietly(self, candidate):
        """Measures, again if others had used the processor meanwhile; the quietest measurement."""
        end = time.monotonic() + self.options.patience
        tries = []
        while not tries or (not is_quiet(tries[-1]) and time.monotonic() < end):
            machine.wait_for_lull(end - time.monotonic(), QUIET)
            before = self.pace.slowdown()
            with machine.Others(candidate.processes()) as others:
                measured = candidate.measure(self.options.seconds)
            tries.append({**measured, "others": others.cores,
                          "slowdown": max(before, self.pace.slowdown())})
        return min(tries, key=lambda measured: (not is_quiet(measured), measured["slowdown"],
                                                measured["others"]))

    def measure_once(self, candidate, result):
        try:
            measured = self.measure_quietly(candidate)
        except Unavailable as error:
            self.miss(f"{result['label']}, batch {result['batch']}", error)
            return
        result["rounds"].append(measured)
        say(f"  {measured['us_per_step']['median']:9.1f} µs  batch {result['batch']:4}  "
            f"others {measured['others']:.2f}  slowdown {measured['slowdown']:.2f}  "
            f"{result['label']}")

    def results(self):
        return {"command": shlex.join(["python3", "bench/run.py", *command_options()]),
                "date": time.strftime("%Y-%m-%d"), "machine": machine.describe(),
                "model": self.model["name"], "generated": self.options.words == "",
                "shape": self.model["shape"], "vocab": self.program.vocab,
                "checked": {"steps": CHECKED_STEPS, "batch": CHECKED_BATCH},
                "rounds": self.options.rounds, "seconds": self.options.seconds,
                "candidates": self.measure(), "versions": self.versions,
                "agreement": self.agreement, "unavailable": self.unavailable}


def command_options():
    """The options as given, without what only says where files are on this machine."""
    kept, words = [], iter(sys.argv[1:])
    for word in words:
        if word in ("--save", "--output", "--bin"):
            next(words)
        else:
            kept.append(pathlib.Path(word).name if word.startswith("/") else word)
    return kept


def measured(options):
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as cleanup:
        bench = Bench(options, folder, cleanup)
        say("starting the candidates")
        bench.prepare()
        return bench.results()


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
    report.write(results, pathlib.Path(options.output))


if __name__ == "__main__":
    main()
