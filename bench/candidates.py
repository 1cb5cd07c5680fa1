"""What is measured: dptrain through `dptrain bench`, the others through worker.py.

A candidate has .facts (what the report needs to know of it) and measure(seconds), which returns a
measurement: {"us_per_step": {"median", "p10", "p90"}, ...}, in stretches of about 20 ms as dptrain
measures itself.
"""
import json
import os
import pathlib
import re
import socket
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
STRETCH_SECONDS = 0.02


class Unavailable(Exception):
    """A candidate that does not work here; the text says why."""


# By which some machines choose OpenBLAS's kernels for all, and slower ones than it would take.
for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(name, None)


def mpi_environment():
    """The environment after `. scripts/env.sh`, with one thread for BLAS."""
    command = ["bash", "-c", ". scripts/env.sh && env -0"]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE)
    pairs = (entry.split("=", 1) for entry in done.stdout.decode().split("\0") if "=" in entry)
    return {**dict(pairs), **thread_environment(1)}


def thread_environment(threads):
    """The variables by which BLAS libraries and OpenMP learn their number of threads."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return {name: str(threads) for name in names}


def run(command, environment):
    """The standard output of a command that must succeed; what it printed, where it does not."""
    done = subprocess.run([str(word) for word in command], env=environment, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          check=False, timeout=300)
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise Unavailable(f"`{' '.join(map(str, command))}` ended with status {done.returncode}: "
                          + (said[-1] if said else "no message"))
    return done.stdout


class Dptrain:
    """The programs of a build, a dataset packed by them and a config."""

    def __init__(self, binaries, text, model, folder):
        shape = model["shape"]
        self.binaries, self.folder = pathlib.Path(binaries).resolve(), pathlib.Path(folder)
        self.environment = mpi_environment()
        self.dataset = self.folder / "bench.h5"
        said = run([self.binaries / "pack_dataset", text, "-o", self.dataset, "--block-size",
                    shape["block_size"], *model["pack"]], self.environment)
        self.vocab = int(re.search(r"V = ([\d,]+)", said).group(1).replace(",", ""))
        self.config = self.folder / "bench.ini"
        self.config.write_text(
            f"[data]\npath = {self.dataset}\n"
            f"[model]\nembedding_dim = {shape['embedding']}\nhidden_dim = {shape['hidden']}\n"
            f"init = {model['init']}\n"
            f"[train]\nseed = {model['seed']}\nlr = {model['learning_rate']}\n"
            f"lr_schedule = constant\n" + "".join(f"{line}\n" for line in model.get("train", ())))

    def on_ranks(self, ranks, *arguments):
        """The output of dptrain with these arguments; one rank needs no launcher."""
        launcher = ["mpirun", "-np", ranks] if ranks > 1 else []
        return run([*launcher, self.binaries / "dptrain", *arguments], self.environment)

    def version(self):
        return self.on_ranks(1, "--version").strip().splitlines()[0]

    def losses(self, batch, steps):
        """The loss of each batch of a short run."""
        name = self.folder / "losses"
        self.on_ranks(1, "train", self.config, "--fresh", f"run.dir={name}",
                      f"train.steps={steps}", f"train.batch_size={batch}", "train.log_every=1",
                      "eval.every=0", "checkpoint.every=0")
        lines = (name / "metrics.csv").read_text().splitlines()
        column = lines[0].split(",").index("batch_loss")
        return [float(line.split(",")[column]) for line in lines[1:]]


class DptrainCandidate:
    """dptrain with one rank count, batch and further settings."""

    def __init__(self, program, ranks, batch, settings=()):
        self.program, self.settings = program, settings
        told = "".join(f", {setting.split('.')[1]}" for setting in settings)
        self.facts = {"label": f"dptrain, {ranks} rank{'s'[: ranks > 1]}{told}",
                      "family": "dptrain", "kind": ",".join(settings), "processes": ranks,
                      "cores": ranks, "batch": batch}

    @staticmethod
    def processes():
        """Running ones of ours that measure; here all have ended when measure() returns."""
        return ()

    def measure(self, seconds):
        return json.loads(self.program.on_ranks(
            self.facts["processes"], "bench", self.program.config, "--json", "--seconds", seconds,
            f"train.batch_size={self.facts['batch']}", *self.settings))


def free_port():
    """A TCP port nobody listens on at the moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Workers:
    """The processes of one baseline: one, or several that train together."""

    def __init__(self, spec, environment, processes, threads, python=sys.executable, log=None):
        self.processes, self.cores = processes, processes * threads
        common = {"WORLD_SIZE": str(processes), "MASTER_ADDR": "127.0.0.1",
                  "MASTER_PORT": str(free_port()), "GLOO_SOCKET_IFNAME": "lo",
                  "TORCHINDUCTOR_COMPILE_THREADS": "1", **thread_environment(threads),
                  **environment}
        self.running = [
            subprocess.Popen([python, str(HERE / "worker.py"), json.dumps(spec)], text=True,
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                             env={**os.environ, **common, "RANK": str(rank)})
            for rank in range(processes)]

    def ask(self, **command):
        """The answers of all processes."""
        try:
            for process in self.running:
                process.stdin.write(json.dumps(command) + "\n")
                process.stdin.flush()
        except BrokenPipeError:
            pass  # its last answer says why
        return [self.read_answer(process) for process in self.running]

    @staticmethod
    def read_answer(process):
        line = process.stdout.readline()
        value = json.loads(line) if line else {"error": f"ended, status {process.wait()}"}
        if isinstance(value, dict) and "error" in value:
            raise Unavailable(value["error"])
        return value

    def losses(self, batch, steps):
        """The mean loss of each batch; each process knows its share of the rows."""
        answers = self.ask(do="losses", batch=batch, steps=steps)
        return [sum(losses) / len(losses) for losses in zip(*answers)]

    def close(self):
        for process in self.running:
            process.stdin.close()
        for process in self.running:
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class WorkerCandidate:
    """A baseline at one batch size."""

    def __init__(self, workers, family, kind, label, batch):
        self.workers = workers
        self.steps = 0  # in a stretch
        self.facts = {"label": label, "family": family, "kind": kind,
                      "processes": workers.processes, "cores": workers.cores, "batch": batch}

    def processes(self):
        return [process.pid for process in self.workers.running]

    def time(self, stretches, steps):
        return self.workers.ask(do="time", batch=self.facts["batch"], stretches=stretches,
                                steps=steps)[0]

    def warm_up(self):
        """Compiles what is to be compiled, and finds how many steps make a stretch."""
        self.time(1, 20)
        us = min(self.time(3, 20))
        self.steps = max(3, round(1e6 * STRETCH_SECONDS / us))

    def measure(self, seconds):
        if self.steps == 0:
            self.warm_up()
        times = sorted(self.time(max(3, round(seconds / STRETCH_SECONDS)), self.steps))
        last = len(times) - 1
        return {"us_per_step": {"p10": times[round(0.1 * last)], "median": times[last // 2],
                                "p90": times[round(0.9 * last)]}}
