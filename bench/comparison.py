"""One run of the bench: starts, checks and measures the candidates of a model, in turn."""
import pathlib
import sys
import time

import machine
import models
from candidates import Dptrain, DptrainCandidate, Unavailable, WorkerCandidate, Workers
from figures import QUIET, is_quiet

CHECKED_STEPS, TOLERANCE = 50, 1e-3


# Which of the versions that a worker tells of is that of a family.
VERSION_OF = {"PyTorch": "torch", "NumPy": "numpy", "JAX": "jax"}


def say(text):
    print(text, file=sys.stderr, flush=True)


# --- the candidates ------------------------------------------------------------------------------


def dptrain_candidates(program, model):
    """dptrain at all batches, and its variants."""
    runs = [(ranks, batch, ()) for batch in model["batches"] for ranks in model["ranks"]]
    runs += [(ranks, 32, ()) for ranks in model["ranks_at_32"]]
    return [DptrainCandidate(program, *run) for run in runs + model["variants"]]


def baseline_table(model, more_pythons):
    """(family, kind, processes, threads, Python) of each baseline."""
    return [*((*row, sys.executable) for row in model["baselines"]),
            *(("PyTorch", "eager", 1, 1, python) for python in more_pythons)]


def label_of(family, versions, processes, threads):
    """Such as "PyTorch 2.13.0 eager, notebook"; versions come from a worker."""
    version = versions.get(VERSION_OF.get(family), "").split("+")[0]
    name = " ".join(word for word in (family, version, versions["name"]) if word)
    if processes > 1:
        name = name.replace("1 process", f"{processes} processes")
    return name + (f", {threads} threads" if threads > 1 else "")


class Bench:
    """One run: what is measured, and what came out."""

    def __init__(self, options, model, text, folder, cleanup):
        self.options, self.model, self.text, self.cleanup = options, model, text, cleanup
        self.log = open(pathlib.Path(folder) / "workers.log", "w", encoding="utf-8")
        cleanup.callback(self.log.close)
        self.program = Dptrain(options.bin, self.text, self.model, folder)
        self.candidates, self.unavailable, self.agreement = [], [], []
        self.pace = machine.Pace()
        self.versions = {"dptrain": self.program.version()}

    def spec(self, kind):
        told = {key: self.model[key] for key in ("shape", "init", "seed", "learning_rate")}
        return {"kind": kind, "dataset": str(self.program.dataset), "vocab": self.program.vocab,
                "text": str(self.text) if self.model is models.NAMES else None, **told,
                **self.model.get("variant", {})}

    def prepare(self):
        """Starts all candidates and checks that they do the same work."""
        self.expected = self.program.losses(self.model["checked_batch"], CHECKED_STEPS)
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
        self.check(label, workers.losses(self.model["checked_batch"], CHECKED_STEPS))
        self.versions.update({name: version for name, version in versions.items()
                              if name in ("python", *VERSION_OF.values())
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
