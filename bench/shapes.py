"""Models of many shapes, on one core: dptrain, the same loop in JAX and a plain step by BLAS.

Shapes with V = 27 are trained on names; of others each V has a generated text, whose words are all as
frequent: no token comes more often than it must, which spares neither side any work. Each shape is
measured in rounds of its own, in which the candidates take turns.
"""
import contextlib
import os
import pathlib
import random
import tempfile

import models
from candidates import Unavailable
from comparison import CHECKED_STEPS, Bench, say

GRAINS = 8
NAMES_VOCAB, GENERATED_WORDS = 27, 200_000

# V, block size, features, hidden units, batch
SHAPES = (
    (27, 4, 30, 10, 16), (27, 4, 4, 10, 2), (27, 3, 6, 200, 32), (27, 3, 10, 200, 32),
    (27, 3, 10, 200, 256), (27, 3, 10, 200, 1024), (27, 3, 5, 500, 32), (27, 4, 14, 300, 40),
    (27, 8, 32, 1000, 128), (27, 8, 64, 2000, 128), (27, 8, 64, 4000, 128), (27, 8, 64, 4000, 32),
    (27, 16, 64, 1000, 256), (200, 8, 32, 500, 64), (500, 4, 30, 200, 64), (1000, 6, 60, 1000, 128),
    (3000, 4, 30, 200, 64), (4000, 4, 64, 512, 128), (4000, 4, 64, 512, 32), (4097, 4, 64, 512, 128),
    (8000, 4, 30, 100, 256), (8000, 6, 60, 500, 256),
)

LEARNING_RATE = {"sgd": 0.01, "adamw": 0.001}
WEIGHT_DECAY = 0.01  # of AdamW


def name_of(shape):
    return "V{}-K{}-E{}-H{}-B{}".format(*shape)


def model_of(shape, options):
    """A model as in models.py."""
    vocab, block, embedding, hidden, batch = shape
    is_plain = options.optimizer == "sgd" and options.dropout == 0
    decay = WEIGHT_DECAY if options.optimizer == "adamw" else 0
    return {
        "name": name_of(shape), "ranks": (), "ranks_at_32": (),
        "shape": {"block_size": block, "embedding": embedding, "hidden": hidden},
        "init": "scaled", "seed": 42, "learning_rate": LEARNING_RATE[options.optimizer],
        "pack": [] if vocab == NAMES_VOCAB else ["--unit", "word", "--stream", "--no-eol"],
        "train": (f"optimizer = {options.optimizer}", f"weight_decay = {decay}",
                  f"grains = {min(GRAINS, batch)}"),
        "variant": {"optimizer": options.optimizer, "weight_decay": decay,
                    "dropout": options.dropout},
        "batches": (batch,), "checked_batch": batch,
        "variants": [(1, batch, (f"train.dropout_hidden={options.dropout:g}",))],
        "baselines": [("JAX", "jax", 1, 1), *is_plain * [("OpenBLAS", "blas", 1, 1)]],
        "environment": models.WORDS["environment"],
    }


def text_of(vocab, options, folder):
    """A text whose dataset has V tokens; with <s> there is one more than words."""
    if vocab == NAMES_VOCAB:
        return pathlib.Path(options.data).resolve()
    path = pathlib.Path(folder) / f"words{vocab}.txt"
    if not path.exists():
        draw = random.Random(42)
        words = [f"w{number}" for number in range(1, vocab)] * (1 + GENERATED_WORDS // vocab)
        draw.shuffle(words)
        path.write_text(" ".join(words) + "\n", encoding="utf-8")
    return path


def measure_shape(shape, options, folder):
    """What was measured of a shape."""
    with contextlib.ExitStack() as cleanup:
        bench = Bench(options, model_of(shape, options), text_of(shape[0], options, folder), folder, cleanup)
        if bench.program.vocab != shape[0]:
            raise Unavailable(f"the dataset has {bench.program.vocab} tokens in place of {shape[0]}")
        bench.prepare()
        return {"shape": shape, "candidates": bench.measure(), "agreement": bench.agreement,
                "unavailable": bench.unavailable, "versions": bench.versions}


def measure(options):
    """All shapes, on the last of the cores that this process may use."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for shape in (s for s in SHAPES if options.only_shape in name_of(s)):
            say(name_of(shape))
            found.append(measure_shape(shape, options, folder))
    versions = {name: text for shape in found for name, text in shape["versions"].items()}
    return {"shapes": found, "optimizer": options.optimizer, "dropout": options.dropout,
            "grains": GRAINS, "checked_steps": CHECKED_STEPS, "versions": versions}
