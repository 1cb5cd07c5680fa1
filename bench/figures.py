"""Figures from the measurements that run.py saved: medians over rounds, and ratios."""
from statistics import median


class Figures:
    """Looks things up in the results of a run."""

    def __init__(self, results):
        self.results = results
        self.candidates = results["candidates"]

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
        modes = [c for c in self.select(family="PyTorch", processes=1, batch=batch)
                 if c["kind"] != "ddp" and not c["kind"].endswith("2")]
        return min(modes, key=us, default=None)


def each(candidate, *path):
    """A value of every round: each(c, "us_per_step", "median")."""
    values = []
    for measured in candidate["rounds"]:
        for name in path:
            measured = measured[name]
        values.append(measured)
    return values


def middle(candidate, *path):
    return median(each(candidate, *path))


def us(candidate):
    """Microseconds a step: the median of the rounds' medians."""
    return middle(candidate, "us_per_step", "median")


def spread(candidate):
    """The lowest and the highest round."""
    medians = each(candidate, "us_per_step", "median")
    return min(medians), max(medians)


def ratio(slow, fast):
    """How many times as long: the median of the rounds' ratios; None where one was not measured."""
    if slow is None or fast is None:
        return None
    pairs = zip(each(slow, "us_per_step", "median"), each(fast, "us_per_step", "median"))
    return median(a / b for a, b in pairs)
