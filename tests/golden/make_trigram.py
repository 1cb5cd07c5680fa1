#!/usr/bin/env python3
"""The losses of the trigram of baseline/trigram on a dataset, in plain Python and NumPy: what
tests/e2e/trigram.sh compares with. Usage: make_trigram.py DATASET.h5"""
import sys
from collections import Counter

import h5py
import numpy as np

STEPS = 200  # of EM; it has long converged


def main():
    with h5py.File(sys.argv[1]) as file:
        splits = {name: (file[name]["contexts"][:].astype(int), file[name]["targets"][:].astype(int))
                  for name in ("train", "dev", "test")}
        vocab = len(file["vocab/tokens"])
    contexts, targets = splits["train"]
    rows = len(targets)
    block = contexts.shape[1]

    def pairs(of):
        before = of[:, -2] if block > 1 else np.zeros(len(of), int)
        return list(zip(before.tolist(), of[:, -1].tolist()))

    one, last = Counter(targets.tolist()), Counter(contexts[:, -1].tolist())
    two = Counter(zip(contexts[:, -1].tolist(), targets.tolist()))
    context = Counter(pairs(contexts))
    three = Counter(zip(pairs(contexts), targets.tolist()))

    def class_of(count):
        return max(0, int(np.ceil(-np.log((1 + count) / rows))))

    def look_up(split):
        levels, buckets = [], []
        for (u, v), w in zip(pairs(splits[split][0]), splits[split][1].tolist()):
            p1 = one[w] / rows
            p2 = two[v, w] / last[v] if last[v] else p1
            p3 = three[(u, v), w] / context[u, v] if context[u, v] else p2
            levels.append((1 / vocab, p1, p2, p3))
            buckets.append((class_of(context[u, v]), class_of(last[v])))
        return np.array(levels), buckets

    levels, buckets = look_up("dev")
    numbers = {bucket: i for i, bucket in enumerate(sorted(set(buckets)))}
    index = np.array([numbers[bucket] for bucket in buckets])
    weights = np.full((len(numbers), 4), 0.25)
    for _ in range(STEPS):
        terms = weights[index] * levels
        terms /= terms.sum(axis=1, keepdims=True)
        owed = np.full_like(weights, 0.25)  # one more row a bucket, shared equally
        np.add.at(owed, index, terms)
        weights = owed / owed.sum(axis=1, keepdims=True)
    for split in splits:
        levels, buckets = look_up(split)
        of_rows = np.array([weights[numbers[b]] if b in numbers else [0.25] * 4 for b in buckets])
        print(split, -np.log((of_rows * levels).sum(axis=1)).mean())


main()
