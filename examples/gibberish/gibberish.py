#!/usr/bin/env python3
"""What a filter for gibberish is measured with: gibberish to find, and the models that other tools ship.

    gibberish.py make KIND FILE                         as many lines as FILE has: random, mash or shuffle
    gibberish.py area REAL GIBBERISH...                 how well tables with a score first tell the two apart
    gibberish.py counts ORDER KNOWN REAL GIBBERISH...   the same of texts and a Markov model of KNOWN
    gibberish.py smooth ORDER KNOWN REAL GIBBERISH...   and of one that is smoothed

How well is the area under the curve: how often a line of REAL is likelier a character than one of GIBBERISH. A
Markov model of order n gives a character a probability by how often it stood behind the n characters before it, and 1
is added to each count; or the shorter contexts have a share, as Witten and Bell (1991) give it to them.
"""

import itertools
import math
import random
import sys
import time
from collections import Counter, defaultdict

ROWS = "qwertyuiop", "asdfghjkl", "zxcvbnm"  # of a keyboard
ALPHABET = "abcdefghijklmnopqrstuvwxyz"


def read_lines(path):
    with open(path, encoding="utf-8") as file:
        return file.read().splitlines()


def make_random(word, draw):
    return "".join(draw.choice(ALPHABET) for _ in word)


def make_mash(word, draw):
    """Fingers stay in a row, near the key that they hit last."""
    row = draw.choice(ROWS)
    at = draw.randrange(len(row))
    keys = []
    for _ in word:
        keys.append(row[at])
        at = min(max(at + draw.choice((-2, -1, 1, 2)), 0), len(row) - 1)
    return "".join(keys)


def make_shuffle(word, draw):
    return "".join(draw.sample(word, len(word)))


MAKERS = {"random": make_random, "mash": make_mash, "shuffle": make_shuffle}


class Markov:
    def __init__(self, order, words):
        self.order = order
        self.counts = [defaultdict(Counter) for _ in range(order + 1)]  # by the length of the context
        self.characters = {"\n"}.union(*words)
        for word in words:
            for before, after in self.pairs(word):
                for length in range(order + 1):
                    self.counts[length][before[self.order - length :]][after] += 1

    def pairs(self, word):
        """Each character, and the end, with what stands before it."""
        text = "\n" * self.order + word + "\n"
        return ((text[i - self.order : i], text[i]) for i in range(self.order, len(text)))

    def probability(self, before, after):
        seen = self.counts[self.order].get(before, Counter())
        return (seen[after] + 1) / (sum(seen.values()) + len(self.characters))

    def score(self, word):
        return sum(math.log(self.probability(*pair)) for pair in self.pairs(word)) / (len(word) + 1)


class SmoothMarkov(Markov):
    def probability(self, before, after):
        result = 1 / len(self.characters)
        for length in range(self.order + 1):
            seen = self.counts[length].get(before[self.order - length :])
            if seen is None:
                break
            result = (seen[after] + len(seen) * result) / (sum(seen.values()) + len(seen))
        return result


def area(real, gibberish):
    """Of all pairs, how often the real one is likelier; a tie counts half."""
    likelier = below = ties = 0
    ranked = sorted([(score, True) for score in real] + [(score, False) for score in gibberish])
    for score, group in itertools.groupby(ranked, key=lambda entry: entry[0]):
        is_real = [entry[1] for entry in group]
        likelier += is_real.count(True) * below
        ties += is_real.count(True) * is_real.count(False)
        below += is_real.count(False)
    return (likelier + ties / 2) / (len(real) * len(gibberish))


def show_areas(score, real, *gibberish):
    """`score` gives those of a file's lines."""
    first = score(real)
    for path in gibberish:
        print(f"{area(first, score(path)):.4f}  {path}")


def table_scores(path):
    return [float(line.split("\t")[0]) for line in read_lines(path)]


def show_markov(kind, order, known, *files):
    model = kind(int(order), read_lines(known))
    began = time.process_time()
    show_areas(lambda path: [model.score(word) for word in read_lines(path)], *files)
    words = sum(len(read_lines(path)) for path in files)
    print(f"{words:,} words in {time.process_time() - began:.2f} s")


def main(command, *arguments):
    if command == "make":
        draw = random.Random(42)
        for word in read_lines(arguments[1]):
            print(MAKERS[arguments[0]](word, draw))
    elif command == "area":
        show_areas(table_scores, *arguments)
    elif command in ("counts", "smooth"):
        show_markov(Markov if command == "counts" else SmoothMarkov, *arguments)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
