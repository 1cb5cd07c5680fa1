"""Figures from the measurements that run.py saved: medians over rounds, and ratios.

A measurement during which other processes used the processor, or the host's other machines did,
counts only where a candidate has no quiet one. Beside the medians stands what a candidate does at
its best, when it was disturbed least.
"""
from statistics import median

from models import MODELS

QUIET = 0.15  # cores that others may use during a measurement
PACE = 1.12  # times as long as at its best a core may take before and after it


class Figures:
    """Looks things up in the results of a run."""

    def __init__(self, results):
        self.results = results
        self.candidates = results["candidates"]
        self.model = MODELS[results["model"]]

    def select(self, **facts):
        """The candidates with these facts."""
        return [c for c in self.candidates if all(c[name] == fact for name, fact in facts.items())]

    def one(self, **facts):
        """The only candidate with these facts; None where it was not measured."""
        found = self.select(**facts)
        return found[0] if found else None

    def dptrain(self, ranks, batch, setting=""):
        return self.one(family="dptrain", processes=ranks, batch=batch, kind=setting)

    def batches(self):
        return sorted({c["batch"] for c in self.candidates})

    def best_pytorch(self, batch):
        """The fastest PyTorch of one process and one thread."""
        modes = [c for c in self.select(family="PyTorch", cores=1, batch=batch)
                 if c["kind"] != "ddp"]
        return min(modes, key=us, default=None)


def is_quiet(measured):
    return measured["others"] <= QUIET and measured["slowdown"] <= PACE


def is_disturbed(candidate):
    """Whether a candidate has no quiet measurement."""
    return not any(map(is_quiet, candidate["rounds"]))


def counted(candidate):
    """The measurements that count."""
    return [m for m in candidate["rounds"] if is_quiet(m) or is_disturbed(candidate)]


def value(measured, path):
    """value(m, ("us_per_step", "median"))"""
    for name in path:
        measured = measured[name]
    return measured


def middle(candidate, *path):
    """The median over rounds of a value: middle(c, "us_per_step", "median")."""
    return median(value(measured, path) for measured in counted(candidate))


def us(candidate):
    """Microseconds a step: the median of the rounds' medians."""
    return middle(candidate, "us_per_step", "median")


def spread(candidate):
    """The lowest and the highest round."""
    medians = [m["us_per_step"]["median"] for m in counted(candidate)]
    return min(medians), max(medians)


def best_us(candidate):
    """Microseconds a step in the fastest tenth of the stretches of a round, of any."""
    return min(measured["us_per_step"]["p10"] for measured in candidate["rounds"])


def best_fraction(candidate):
    """Nominal flops over the rate of a large sgemm, both at their best."""
    rate = max(measured["sgemm_gflops"] for measured in candidate["rounds"])
    return middle(candidate, "nominal_flops") / best_us(candidate) / rate * 1e-3


def best_ratio(slow, fast):
    """How many times as long, both at their best. None where one was not measured."""
    return None if slow is None or fast is None else best_us(slow) / best_us(fast)


def ratios(slow, fast):
    """How many times as long in each round: of those rounds in which both were quiet or, where there
    are none, of all: a quiet measurement beside a disturbed one would say more of the machine than of
    the two."""
    pairs = list(zip(slow["rounds"], fast["rounds"]))
    quiet = [(a, b) for a, b in pairs if is_quiet(a) and is_quiet(b)]
    return [a["us_per_step"]["median"] / b["us_per_step"]["median"] for a, b in quiet or pairs]


def ratio(slow, fast):
    """How many times as long: the median of the rounds'. None where one was not measured."""
    return None if slow is None or fast is None else median(ratios(slow, fast))
