"""What the project has set itself for speed, and whether a run of the bench meets it."""
from figures import best_fraction, best_ratio, is_disturbed, middle, ratio
from models import BY_MESSAGES


def row(text, bound, value, candidates, note="", best=None):
    """A target: bound is (">=" or "<=", number); value is None where it was not measured. `best` is
    the same of candidates at their best, for which no target stands."""
    sign, number = bound
    met = None if value is None else (value >= number if sign == ">=" else value <= number)
    disturbed = value is not None and any(map(is_disturbed, candidates))
    notes = [part for part in (note, "*disturbed*" if disturbed else "") if part]
    return {"text": text, "bound": f"{'≥' if sign == '>=' else '≤'} {number:g}", "value": value,
            "best": best, "met": met, "note": ", ".join(notes)}


def ratio_row(text, bound, slow, fast, note=""):
    return row(text, bound, ratio(slow, fast), (slow, fast), note, best_ratio(slow, fast))


def fraction_row(text, bound, candidate):
    if candidate is None:
        return row(text, bound, None, ())
    return row(text, bound, middle(candidate, "fraction_of_sgemm"), (candidate,),
               best=best_fraction(candidate))


def exchange_row(text, bound, candidate, note):
    if candidate is None:
        return row(text, bound, None, ())
    least = [min(measured[name] for measured in candidate["rounds"])
             for name in ("exchange_us", "allreduce_us")]
    return row(text, bound, middle(candidate, "exchange_vs_mpi_allreduce"), (candidate,), note,
               least[0] / least[1])


def exchange_phases(candidate):
    """Exchange and update as phases of a real step: the gradient has just been written, and the
    wait for the slower rank is in it."""
    return sum(middle(candidate, "phases", name, "median") for name in ("exchange", "update"))


def within_a_step(figures):
    """The same comparison within real steps, of dptrain's default and `exchange = mpi`."""
    ours, mpi = figures.dptrain(2, 32), figures.dptrain(2, 32, "parallel.exchange=mpi")
    if ours is None or mpi is None:
        return ""
    return f"{exchange_phases(ours) / exchange_phases(mpi):.2f} between real steps' phases"


def arithmetic_rows(figures):
    yield fraction_row("1 rank, batch 32, 8 grains: nominal flops over the rate of a large sgemm",
                       (">=", 0.6), figures.dptrain(1, 32))
    yield fraction_row("1 rank, batch 1024: the same", (">=", 1.1), figures.dptrain(1, 1024))


def pytorch_rows(figures):
    ours = figures.dptrain(1, 32)
    best = figures.best_pytorch(32)
    yield ratio_row("1 rank, batch 32: time of the best PyTorch mode over ours", (">=", 4), best,
                    ours, best["label"] if best else "")
    old = next((c for c in figures.select(family="PyTorch", kind="eager", batch=32)
                if c["label"].startswith("PyTorch 1.13")), None)
    yield ratio_row("1 rank, batch 32: time of PyTorch 1.13 eager over ours", (">=", 10), old, ours,
                    "" if old else "no PyTorch 1.13 here")
    yield ratio_row("2 ranks, batch 32: time of DDP over gloo, 2 processes, over ours", (">=", 60),
                    figures.one(kind="ddp", processes=2, batch=32), figures.dptrain(2, 32))


def scaling_rows(figures):
    for batch, bound in ((32, 1.4), (1024, 1.85)):
        yield ratio_row(f"2 ranks against 1, batch {batch}: speedup", (">=", bound),
                        figures.dptrain(1, batch), figures.dptrain(2, batch))
    yield exchange_row("2 ranks: exchange and update over MPI_Allreduce and update", ("<=", 0.5),
                       figures.dptrain(2, 32), within_a_step(figures))


def cost_rows(figures):
    yield ratio_row("1 rank, batch 32: time with 8 grains over time with 1", ("<=", 1.15),
                    figures.dptrain(1, 32), figures.dptrain(1, 32, "train.grains=1"))
    yield ratio_row("batch 32: time on 8 ranks over time on 2", ("<=", 4), figures.dptrain(8, 32),
                    figures.dptrain(2, 32))


def names_targets(figures):
    return [*arithmetic_rows(figures), *pytorch_rows(figures), *scaling_rows(figures),
            *cost_rows(figures)]


def bytes_row(figures, batch):
    split, whole = (figures.dptrain(2, batch, kind) for kind in BY_MESSAGES)
    value = None
    if split is not None and whole is not None:
        value = middle(split, "bytes_sent") / middle(whole, "bytes_sent")
    return row(f"2 ranks, batch {batch}: bytes that cross in a step, output split over replicated",
               ("<=", 0.1), value, ())


def words_targets(figures):
    yield fraction_row("1 rank, batch 256: nominal flops over the rate of a large sgemm",
                       (">=", 0.8), figures.dptrain(1, 256))
    for batch, bound in ((256, 1.6), (32, 2.5)):
        best = figures.best_pytorch(batch)
        yield ratio_row(f"1 rank, batch {batch}: time of the best PyTorch mode over ours",
                        (">=", bound), best, figures.dptrain(1, batch),
                        best["label"] if best else "")
    for batch, bound in ((256, 1.85), (32, 1.7)):
        yield ratio_row(f"2 ranks against 1, batch {batch}: speedup", (">=", bound),
                        figures.dptrain(1, batch), figures.dptrain(2, batch))
    for batch in figures.batches():
        yield bytes_row(figures, batch)


def targets(figures):
    """All rows, in the order of the report."""
    return list({"names": names_targets, "words": words_targets}[figures.model["name"]](figures))
