#!/usr/bin/env python3
"""Packs words as a stream, in plain Python, and prints what dump_dataset prints of the file: the
splits of

    pack_dataset TEXT --unit word --stream --no-eol --min-count M --block-size B --split-tokens T,D

    make_words_digest.py TEXT M B T D > pack_brown.txt
"""
import hashlib
import struct
import sys
from collections import Counter

path, minimum, block_size, train, dev = sys.argv[1], *map(int, sys.argv[2:6])
with open(path, encoding="utf-8") as file:
    words = file.read().split()

counts = Counter(words)  # in the order of first appearance
kept = Counter({w: c for w, c in counts.items() if c >= minimum})
merged = [w for w in counts if w not in kept]
kept["<unk>"] = sum(counts[w] for w in merged)
first = {w: i for i, w in enumerate(counts)}
first["<unk>"] = first[merged[0]]
order = sorted(kept, key=lambda w: (-kept[w], first[w]))
ids = {w: 1 + i for i, w in enumerate(order)}
stream = [ids.get(w, ids["<unk>"]) for w in words]

for name, part in (
    ("train", stream[:train]),
    ("dev", stream[train : train + dev]),
    ("test", stream[train + dev :]),
):
    padded = [0] * block_size + part
    contexts = [i for row in range(len(part)) for i in padded[row : row + block_size]]
    data = struct.pack(f"<{len(contexts)}H", *contexts) + struct.pack(f"<{len(part)}H", *part)
    print(name, len(part), hashlib.sha256(data).hexdigest())
