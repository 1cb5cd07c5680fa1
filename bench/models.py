"""What is trained: the names model, or a model of words whose output layer is nearly all of the work.

A model says what its shape is, how its text is packed, what is measured on it and on which page the
report goes. "batches" are in the order of the report, each measured on "ranks"; "variants" are
further runs of dptrain: ranks, batch and settings; "baselines" are (family, kind, processes, threads).
"""
import itertools
import pathlib
import random

TORCH = ("eager", "optimizer", "lean", "compiled", "compiled_step")
TORCH_ROWS = [("PyTorch", kind, 1, 1) for kind in TORCH]
DDP_ROWS = [("PyTorch", "ddp", processes, 1) for processes in (1, 2)]

JAX_ROW = ("JAX", "jax", 1, 1)
JAX_ENVIRONMENT = {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false "
                                                        "intra_op_parallelism_threads=1"}

# The logits of a step of WORDS and their gradient are 18 MB each at batch 256. Out of the box glibc
# gets them from the system for each step anew, page by page.
ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": "33554432", "MALLOC_TRIM_THRESHOLD_": "1073741824"}

NAMES = {
    "name": "names",
    "page": "performance",
    "shape": {"block_size": 3, "embedding": 10, "hidden": 200},
    "init": "normal", "seed": 42, "learning_rate": 0.1,
    "pack": [],
    "batches": (32, 256, 1024), "checked_batch": 32,
    "ranks": (1, 2),
    "ranks_at_32": (8,),
    "variants": [(1, 32, ("train.grains=1",)), (2, 32, ("parallel.exchange=shared",)),
                 (2, 32, ("parallel.exchange=tree",)), (2, 32, ("parallel.exchange=mpi",))],
    "baselines": [("NumPy", "numpy", 1, 1), JAX_ROW, *TORCH_ROWS, ("PyTorch", "lean", 1, 2),
                  *DDP_ROWS],
    "environment": JAX_ENVIRONMENT,
}

# All that crosses between ranks goes by messages, and is counted.
BY_MESSAGES = [f"parallel.exchange=tree,parallel.output={kind}" for kind in ("split", "replicated")]

WORDS = {
    "name": "words",
    "page": "performance_words",
    "shape": {"block_size": 4, "embedding": 30, "hidden": 100},
    "init": "small", "seed": 42, "learning_rate": 1.0,
    "pack": ["--unit", "word", "--stream", "--no-eol", "--min-count", "4"],
    "batches": (32, 256), "checked_batch": 32,
    "ranks": (1, 2),
    "ranks_at_32": (),
    "variants": [(2, batch, tuple(settings.split(","))) for batch in (32, 256)
                 for settings in BY_MESSAGES],
    "baselines": [JAX_ROW, *TORCH_ROWS, *DDP_ROWS],
    "environment": {**JAX_ENVIRONMENT, **ALLOCATOR},
}

MODELS = {model["name"]: model for model in (NAMES, WORDS)}

# With <s> the vocabulary of the Brown corpus, of words seen four times or more.
GENERATED_TYPES, GENERATED_WORDS = 17905, 1161192


def generate_words(path):
    """A text whose words are as frequent as Zipf's law has them, every one at least four times."""
    numbers = range(1, GENERATED_TYPES + 1)
    draw = random.Random(42)
    weights = list(itertools.accumulate(1 / (number + 2.7) for number in numbers))
    words = 4 * [*numbers]
    words += draw.choices(numbers, cum_weights=weights, k=GENERATED_WORDS - len(words))
    draw.shuffle(words)
    pathlib.Path(path).write_text(" ".join(f"w{word}" for word in words) + "\n", encoding="utf-8")
