#!/usr/bin/env python3
"""Draws overview.svg beside this file: what the README begins with. From a checkout that is built:

    . scripts/env.sh
    python3 docs/images/overview.py

Left, a run of configs/base.ini that is stopped or killed three times and goes on on other numbers of
ranks, and what `dptrain verify` says of it and of a run on one rank that was left alone. Right, times
of a step, as docs/performance.md has them.
"""
import csv
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
# Ranks, what ends this part of the run, the step from which on that happens, the colour of its line.
PARTS = [(1, "SIGKILL", 47000, "#58a6ff"), (5, "SIGTERM", 94000, "#f0883e"),
         (3, "SIGKILL", 148000, "#3fb950"), (8, None, None, "#d2a8ff")]
STEPS, LOW, HIGH = 200000, 2.10, 2.75  # the axes of the curve
LEFT, TOP, WIDTH, HEIGHT = 58, 84, 560, 236  # its place
BARS, BAR_WIDTH = 690, 210  # left end of the bars, length of the longest
ROWS = ["dptrain, 1 rank", "NumPy 2.4.6 by hand", "PyTorch 2.13.0 compile, whole step",
        "PyTorch 2.13.0 eager, tuned", "PyTorch 2.13.0 DDP, 1 process"]


def rows(folder):
    """Steps and losses of metrics.csv, so far as there is one."""
    try:
        with open(folder / "metrics.csv", newline="", encoding="utf-8") as file:
            return [(int(r["step"]), float(r["loss"])) for r in csv.DictReader(file)
                    if r["grad_norm"] is not None]  # not the line that is being written
    except FileNotFoundError:
        return []


def start(folder, ranks):
    return subprocess.Popen(["mpirun", "-np", str(ranks), "dptrain", str(ROOT / "configs/base.ini"),
                             "train.log_every=500", f"run.dir={folder.name}"], cwd=folder.parent,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def last_rank(launcher):
    with open(f"/proc/{launcher.pid}/task/{launcher.pid}/children", encoding="ascii") as file:
        return int(file.read().split()[-1])


def interrupted_run(folder):
    """Runs the parts; returns the rows that each of them had written when it ended."""
    written = []
    for ranks, how, end, _ in PARTS:
        launcher = start(folder, ranks)
        while end is not None and (not rows(folder) or rows(folder)[-1][0] < end):
            time.sleep(0.02)
        if end is not None:
            os.kill(last_rank(launcher), getattr(signal, how))
        launcher.wait()
        written.append(rows(folder))
    return written


def step_times():
    """Candidate to µs a step at batch 32, of the first table with that heading."""
    page = (ROOT / "docs/performance.md").read_text(encoding="utf-8")
    table = page[page.index("| batch 32 | µs a step"):].split("\n\n", 1)[0]
    return dict(re.findall(r"^\| ([^|]+) \| ([\d,.]+) \|", table, re.MULTILINE))


def x_of(step):
    return LEFT + WIDTH * step / STEPS


def y_of(loss):
    return TOP + HEIGHT * (HIGH - loss) / (HIGH - LOW)


def text(x, y, words, fill="#c9d1d9", size=13, **more):
    style = "".join(f' {k.replace("_", "-")}="{v}"' for k, v in more.items())
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{fill}" font-size="{size}"{style}>{words}</text>'


def axes():
    for tenth in range(22, 28):
        loss = tenth / 10
        yield f'<path d="M{LEFT} {y_of(loss):.1f}h{WIDTH}" stroke="#21262d"/>'
        yield text(LEFT - 8, y_of(loss) + 4, f"{loss:.1f}", "#8b949e", 12, text_anchor="end")
    for step in range(0, STEPS + 1, 50000):
        yield text(x_of(step), TOP + HEIGHT + 20, f"{step:,}", "#8b949e", 12, text_anchor="middle")


def curve(written):
    """Each part from where it began: the checkpoint before, from which on steps were taken again."""
    first = 0
    for (ranks, how, _, colour), had in zip(PARTS, written):
        last = had[-1][0]
        points = " ".join(f"{x_of(s):.1f},{y_of(v):.1f}" for s, v in had if s >= first)
        yield (f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.6" '
               'clip-path="url(#plot)"/>')
        middle = x_of((first + last) / 2)
        yield text(middle, TOP + 16, f"{ranks} rank{'s' if ranks > 1 else ''}", colour, 14,
                   text_anchor="middle", font_weight="600")
        if how is None:
            continue
        yield f'<path d="M{x_of(last):.1f} {TOP}v{HEIGHT}" stroke="#6e7681" stroke-dasharray="3 3"/>'
        yield text(x_of(last) - 6, TOP + 44, how, "#8b949e", 12, text_anchor="end",
                   font_family="ui-monospace,monospace")
        # A killed run goes on from its last checkpoint, a stopped one from where it is.
        first = last // 10000 * 10000 if how == "SIGKILL" else last
        if first < last:
            yield (f'<path d="M{x_of(last):.1f} {TOP + HEIGHT - 3}H{x_of(first):.1f}m5 -4l-5 4l5 4" '
                   'fill="none" stroke="#8b949e"/>')


def bars(times):
    shown = [(name, times[name]) for name in ROWS]
    longest = max(float(t) for _, t in shown)
    for place, (name, took) in enumerate(shown):
        y = TOP + 14 + 44 * place
        ours = name.startswith("dptrain")
        yield text(BARS, y, re.sub(r" [\d.]+\d( |$)", r"\1", name), "#ffffff" if ours else "#c9d1d9")
        width = BAR_WIDTH * float(took) / longest
        yield (f'<rect x="{BARS}" y="{y + 6}" width="{width:.1f}" height="14" rx="2" '
               f'fill="{"#58a6ff" if ours else "#484f58"}"/>')
        yield text(BARS + width + 7, y + 18, took, "#ffffff" if ours else "#8b949e", 12)
    yield text(BARS, TOP + HEIGHT + 20, f'2 processes: dptrain {times["dptrain, 2 ranks"]}, PyTorch DDP '
               f'{times["PyTorch 2.13.0 DDP, 2 processes"]}', "#8b949e", 12)


def picture(written, verdict, weights, times):
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1000 392" role="img" '
        'font-family="system-ui,-apple-system,Segoe UI,Helvetica,Arial,DejaVu Sans,sans-serif">',
        "<title>One run on four numbers of ranks has the weights of one on a single rank</title>",
        f'<clipPath id="plot"><rect x="{LEFT}" y="{TOP}" width="{WIDTH}" height="{HEIGHT}"/></clipPath>',
        '<rect x="0.5" y="0.5" width="999" height="391" rx="10" fill="#0d1117" stroke="#30363d"/>',
        text(24, 36, "One run, interrupted three times, on four numbers of ranks", "#ffffff", 18,
             font_weight="600"),
        text(24, 58, "loss of names, by step", "#8b949e"),
        text(BARS, 36, "µs a training step", "#ffffff", 18, font_weight="600"),
        text(BARS, 58, "batch 32, 11,897 parameters, one process", "#8b949e"),
        *axes(), *curve(written), *bars(times),
        text(24, 374, "beside a run left alone on 1 rank:", "#8b949e"),
        text(254, 374, verdict, "#3fb950"),
        text(BARS, 374, f"weights {weights}", "#c9d1d9", 13, font_family="ui-monospace,monospace"),
        "</svg>"]
    return "\n".join(parts) + "\n"


def main():
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place)
        subprocess.run(["pack_dataset", str(ROOT / "data/names.txt")], cwd=folder, check=True)
        written = interrupted_run(folder / "moved")
        start(folder / "alone", 1).wait()
        said = subprocess.run(["dptrain", "verify", "alone", "moved"], cwd=folder, check=True, text=True,
                              capture_output=True).stdout
        print(said, end="")
        summary = (folder / "moved/summary.json").read_text(encoding="utf-8")
    weights = re.search(r"xxh3:[0-9a-f]{16}", summary).group()
    verdict = said.split("\n", 1)[0].split(", steps")[0]
    (HERE / "overview.svg").write_text(picture(written, verdict, weights, step_times()), encoding="utf-8")


if __name__ == "__main__":
    main()
