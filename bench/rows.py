"""The training rows: contexts [N, block_size] and targets [N], as NumPy int64 arrays.

Read from the packed dataset where h5py is installed; names are built from the text otherwise, by the
rules of the names notebook, which are the packer's too.
"""
import random

import numpy as np


def from_dataset(path):
    """Contexts and targets of the train split of a dataset made by pack_dataset."""
    import h5py

    with h5py.File(path) as file:
        return (file["train/contexts"][:].astype(np.int64),
                file["train/targets"][:].astype(np.int64))


def windows(words, ids, block_size):
    """Every window of every word: it slides over a boundary (id 0) before and behind the word."""
    contexts, targets = [], []
    for word in words:
        context = [0] * block_size
        for token in [*(ids[character] for character in word), 0]:
            contexts.append(context)
            targets.append(token)
            context = context[1:] + [token]
    return np.array(contexts, np.int64), np.array(targets, np.int64)


def from_text(path, block_size):
    """The same from a text with one word a line."""
    with open(path, encoding="utf-8") as file:
        words = file.read().split()
    ids = {character: 1 + i for i, character in enumerate(sorted(set("".join(words))))}
    random.seed(42)
    random.shuffle(words)
    return windows(words[: int(0.8 * len(words))], ids, block_size)


def load(dataset, text, block_size):
    """Contexts, targets; `text` is None where only the dataset will do."""
    try:
        return from_dataset(dataset)
    except ImportError:
        if text is None:
            raise
        return from_text(text, block_size)
