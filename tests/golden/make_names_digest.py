#!/usr/bin/env python3
"""The notebook's three splits of a text of names, in plain Python, as tests/support/dump_dataset
prints those of a packed file.

    make_names_digest.py names.txt          one line a split: name, rows, SHA-256 of the bytes of the
                                            contexts and then the targets
    make_names_digest.py names.txt rows 5   the rows of the first 5 words, unshuffled

The kept values in this folder were made with

    make_names_digest.py .../names.txt          > pack_names.txt       (the notebook's names)
    make_names_digest.py data/names.txt         > pack_us_names.txt    (the names shipped here)
    make_names_digest.py .../names.txt rows 5   > pack_rows.txt
"""

import hashlib
import random
import sys

BLOCK_SIZE = 3


def rows_of(words):
    for word in words:
        context = "." * BLOCK_SIZE
        for character in word + ".":
            yield context, character
            context = context[1:] + character


def main(path, *rest):
    words = open(path, encoding="utf-8").read().splitlines()
    if rest:
        for context, target in rows_of(words[: int(rest[1])]):
            print(context, target)
        return
    characters = sorted(set("".join(words)))
    ids = {character: i + 1 for i, character in enumerate(characters)}
    ids["."] = 0
    random.seed(42)
    random.shuffle(words)
    n1 = int(0.8 * len(words))
    n2 = int(0.9 * len(words))
    for name, part in ("train", words[:n1]), ("dev", words[n1:n2]), ("test", words[n2:]):
        contexts = bytearray()
        targets = bytearray()
        for context, target in rows_of(part):
            contexts.extend(ids[c] for c in context)
            targets.append(ids[target])
        print(name, len(targets), hashlib.sha256(contexts + targets).hexdigest())


main(*sys.argv[1:])
