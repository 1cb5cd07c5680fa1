"""Tokens a second that `dptrain score` scores on one core, beside the same done in PyTorch and JAX.

    python3 bench/score.py --ckpt runs/base --text data/names.txt --torch python3 --jax python3

The candidates take turns, and each round counts their processor time. dptrain is the whole command: it
starts, opens the checkpoint, reads lines and writes what it says of each, or only their sums. The others
get contexts and targets as arrays, which costs them nothing here, and give the sum of the
log-probabilities, in batches of the size that is fastest; it must be dptrain's. Also, of the library: what
it takes to open the model and to ask for the next token (ask_model.c). Needs NumPy and a build.
"""
import argparse
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1",
              "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"}
os.environ.update(ONE_THREAD)  # before NumPy is loaded

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
BATCHES = (64, 256, 1024, 4096, 16384)
ROWS_TRIED = 20000
LOGITS_MOST = 1 << 28  # of a batch


# --- PyTorch and JAX, in processes of their own ---------------------------------------------------


def torch_way(tensors):
    import torch

    torch.set_num_threads(1)
    C, W1, b1, W2, b2 = (torch.from_numpy(np.array(tensors[n])) for n in ("C", "W1", "b1", "W2", "b2"))

    @torch.inference_mode()
    def total(x, y):
        x, y = torch.from_numpy(x), torch.from_numpy(y)
        h = torch.addmm(b1, C[x].view(len(x), -1), W1).tanh_()
        logits = torch.addmm(b2, h, W2)
        return -float(torch.nn.functional.cross_entropy(logits, y, reduction="sum"))

    return f"PyTorch {torch.__version__.split('+')[0]}", total


def jax_way(tensors):
    import jax
    import jax.numpy as jnp

    C, W1, b1, W2, b2 = (jnp.asarray(tensors[n]) for n in ("C", "W1", "b1", "W2", "b2"))

    @jax.jit
    def batch_total(x, y):
        logits = jnp.tanh(C[x].reshape(len(x), -1) @ W1 + b1) @ W2 + b2
        return (jnp.take_along_axis(logits, y[:, None], 1)[:, 0] - jax.nn.logsumexp(logits, 1)).sum()

    return f"JAX {jax.__version__}", lambda x, y: float(batch_total(x, y))


def work(kind, path):
    """Says its name, then for each line that comes in: the seconds and the sum."""
    data = np.load(path)
    name, total = {"torch": torch_way, "jax": jax_way}[kind](data)
    x, y = data["x"].astype(np.int64), data["y"].astype(np.int64)

    def score(batch, rows):
        began, result = time.process_time(), 0.0
        for i in range(0, rows - rows % batch, batch):
            result += total(x[i:i + batch], y[i:i + batch])
        for i in range(rows - rows % batch, rows, 64):  # of few sizes, each of which JAX compiles
            result += total(x[i:min(i + 64, rows)], y[i:min(i + 64, rows)])
        return time.process_time() - began, result

    fits = [b for b in BATCHES if b * len(data["b2"]) <= LOGITS_MOST]
    tried = min(len(y), ROWS_TRIED)
    best = min(fits, key=lambda b: (score(b, tried), score(b, tried))[1][0])
    score(best, len(y))
    print(json.dumps({"name": f"{name}, batches of {best}"}), flush=True)
    for _ in sys.stdin:
        print(json.dumps(score(best, len(y))), flush=True)


# --- all of them ----------------------------------------------------------------------------------


def rows_of(model, lines):
    """Contexts and targets of lines that the model knows whole; and these lines."""
    block, contexts, targets, kept = model.block_size, [], [], []
    for line in lines:
        ids = list(model.encode(line))
        if 0xFFFFFFFF in ids:
            continue
        kept.append(line)
        ids = [0] * block + ids + ([] if model.is_stream else [0])
        for i in range(block, len(ids)):
            contexts.append(ids[i - block:i])
            targets.append(ids[i])
    return np.array(contexts, np.uint32), np.array(targets, np.uint32), kept


class Worker:
    def __init__(self, python, kind, path):
        command = [python, str(pathlib.Path(__file__).resolve()), "--work", kind, str(path)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.name = json.loads(self.process.stdout.readline())["name"]

    def __call__(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


class Command:
    """`dptrain score`, all of it."""

    def __init__(self, name, command):
        self.name, self.command = name, command

    def __call__(self):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        said = subprocess.run(self.command, stdout=subprocess.PIPE, text=True, check=True).stdout
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        if "log-probability" in said:
            return seconds, float(said.split("log-probability")[1].split()[0])
        return seconds, sum(float(line.split("\t", 1)[0]) for line in said.splitlines())


def sgemm():
    """GFLOP/s of a large product by NumPy's BLAS, on one thread."""
    a = np.ones((1024, 1024), np.float32)
    a @ a
    began = time.process_time()
    for _ in range(8):
        a @ a
    return 8 * 2 * 1024**3 / (time.process_time() - began) / 1e9


def ask_library(build, ckpt, folder):
    program = folder / "ask_model"
    subprocess.run(["cc", "-O2", f"-I{ROOT}/include", str(ROOT / "bench/ask_model.c"), "-o", str(program),
                    f"-L{build}/lib", f"-Wl,-rpath,{build}/lib", "-ldptrain"], check=True)
    return json.loads(subprocess.run([str(program), ckpt], stdout=subprocess.PIPE, text=True, check=True).stdout)


def measure(candidates, rounds):
    seconds, sums, rates = {c.name: [] for c in candidates}, {}, []
    for _ in range(rounds):
        rates.append(sgemm())
        for candidate in candidates:
            took, sums[candidate.name] = candidate()
            seconds[candidate.name].append(took)
    return {name: statistics.median(s) for name, s in seconds.items()}, sums, statistics.median(rates)


def run(chosen, folder):
    build = pathlib.Path(chosen.build).resolve()
    os.environ["DPTRAIN_LIBRARY"] = str(build / "lib/libdptrain.so")
    sys.path.insert(0, str(ROOT / "python/src"))
    import dptrain

    model = dptrain.load(chosen.ckpt)
    with open(chosen.text, encoding="utf-8") as file:
        x, y, lines = rows_of(model, file.read().splitlines())
    times = max(1, chosen.tokens // len(y))
    x, y, text = np.tile(x, (times, 1)), np.tile(y, times), folder / "lines.txt"
    text.write_text("".join(line + "\n" for line in lines) * times, encoding="utf-8")
    tensors = {name: np.array(tensor) for name, tensor in model.tensors.items()}
    np.savez(folder / "rows.npz", x=x, y=y, **tensors)
    command = [str(build / "bin/dptrain"), "score", "--ckpt", chosen.ckpt, str(text)]
    candidates = [Command("dptrain score --summary", command + ["--summary"]),
                  Command("dptrain score", command)]
    candidates += [Worker(python, kind, folder / "rows.npz")
                   for kind, python in (("torch", chosen.torch), ("jax", chosen.jax)) if python]
    seconds, sums, rate = measure(candidates, chosen.rounds)
    flops = 2 * (tensors["W1"].size + tensors["W2"].size)
    first = candidates[0].name
    print(f"{len(y):,} tokens, vocabulary {model.vocab:,}; sgemm {rate:.0f} GFLOP/s\n")
    print("| one core | tokens/s | times dptrain's time | of sgemm |\n|---|---:|---:|---:|")
    for name, took in seconds.items():
        if abs(sums[name] - sums[first]) > 1e-5 * len(y):
            sys.exit(f"{name}: the sum is {sums[name]}, not {sums[first]}")
        print(f"| {name} | {len(y) / took:,.0f} | {took / seconds[first]:.2f} | "
              f"{flops * len(y) / took / rate / 1e9:.2f} |")
    asked = ask_library(build, chosen.ckpt, folder)
    print(f"\nlibdptrain: {asked['next_us']:.2f} µs for the next token, {asked['open_ms']:.2f} ms and "
          f"{asked['bytes'] / 2**20:.2f} MiB to open")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--ckpt", default="runs/base", help="a model with hidden units, without direct connections")
    parser.add_argument("--text", default="data/names.txt", help="lines to score, again and again")
    parser.add_argument("--tokens", type=int, default=1_000_000, help="so many, or the text once")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--build", default="build")
    parser.add_argument("--torch", metavar="PYTHON", help="a Python that has PyTorch")
    parser.add_argument("--jax", metavar="PYTHON", help="a Python that has JAX")
    parser.add_argument("--work", nargs=2, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.work:
        return work(*chosen.work)
    with tempfile.TemporaryDirectory() as folder:
        return run(chosen, pathlib.Path(folder))


if __name__ == "__main__":
    main()
