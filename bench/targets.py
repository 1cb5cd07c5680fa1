"""What the project has set itself for speed, and whether a run of the bench meets it."""
from figures import middle, ratio


def row(text, bound, value, at_least=True, note=""):
    """A target: `value` is None where it was not measured."""
    met = None if value is None else (value >= bound if at_least else value <= bound)
    return {"text": text, "bound": ("≥ " if at_least else "≤ ") + f"{bound:g}", "value": value,
            "met": met, "note": note}


def field(candidate, name):
    return None if candidate is None else middle(candidate, name)


def pytorch_rows(figures):
    ours = figures.dptrain(1, 32)
    best = figures.best_pytorch(32)
    yield row("1 rank, batch 32: time of the best PyTorch mode over ours", 4, ratio(best, ours),
              note=best["label"] if best else "")
    old = [c for c in figures.select(family="PyTorch", kind="eager", batch=32)
           if c["label"].startswith("PyTorch 1.13")]
    yield row("1 rank, batch 32: time of PyTorch 1.13 eager over ours", 10,
              ratio(old[0], ours) if old else None, note="" if old else "no PyTorch 1.13 in this run")
    yield row("2 ranks, batch 32: time of DistributedDataParallel over gloo, 2 processes, over ours",
              60, ratio(figures.one(kind="ddp", processes=2, batch=32), figures.dptrain(2, 32)))


def scaling_rows(figures):
    for batch, bound in ((32, 1.4), (1024, 1.85)):
        yield row(f"2 ranks against 1, batch {batch}: speedup", bound,
                  ratio(figures.dptrain(1, batch), figures.dptrain(2, batch)))
    yield row("2 ranks: exchange and update over MPI_Allreduce and update", 0.5,
              field(figures.dptrain(2, 32), "exchange_vs_mpi_allreduce"), at_least=False)


def cost_rows(figures):
    grains = ratio(figures.dptrain(1, 32), figures.dptrain(1, 32, "train.grains=1"))
    yield row("1 rank, batch 32: time with 8 grains over time with 1", 1.15, grains, at_least=False)
    yield row("batch 32: time on 8 ranks over time on 2", 4,
              ratio(figures.dptrain(8, 32), figures.dptrain(2, 32)), at_least=False)


def targets(figures):
    """All rows, in the order of the report."""
    return [
        row("1 rank, batch 32, 8 grains: nominal flops over the rate of a large sgemm", 0.6,
            field(figures.dptrain(1, 32), "fraction_of_sgemm")),
        row("1 rank, batch 1024: the same", 1.1,
            field(figures.dptrain(1, 1024), "fraction_of_sgemm")),
        *pytorch_rows(figures),
        *scaling_rows(figures),
        *cost_rows(figures),
    ]
