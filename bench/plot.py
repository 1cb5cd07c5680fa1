"""The picture of docs/performance.md: a panel a batch size, a row a candidate. Needs gnuplot."""
import pathlib
import re
import shutil
import subprocess
import sys

from figures import spread, us

LABEL_WIDTH, PANEL_WIDTH, GAP, ROW_HEIGHT, TOP, BOTTOM = 290, 250, 55, 26, 40, 60
COLOURS = {"dptrain": "#6baed6", "NumPy": "#a1d99b", "PyTorch": "#fdae6b", "JAX": "#bcbddc"}

HEAD = """
set terminal svg size {width},{height} font "sans-serif,13" background "white"
set output "{path}"
set multiplot
set border 1 lc rgb "#555555"
set tics nomirror textcolor rgb "#333333"
set grid xtics lc rgb "#dddddd"
set logscale x
set xrange [{low}:{high}]
set xtics ({tics})
set yrange [{rows}-0.4:-0.6]
set tmargin at screen {top}
set bmargin at screen {bottom}
set title offset 0,-0.4 textcolor rgb "#333333"
set xlabel "µs a step (log scale)" textcolor rgb "#333333"
unset key
"""

# Columns of a row: place, colour, median, fastest and slowest round, median as text.
PANEL = """
set title "batch {batch}"
set lmargin at screen {left}
set rmargin at screen {right}
set ytics scale 0 ({labels})
$points << END
{points}
END
plot $points using ({low}):1:($3-{low}):(0):2 with vectors nohead lw 9 lc rgb variable, \\
     $points using 4:1:($5-$4):(0) with vectors nohead lw 2 lc rgb "#333333", \\
     $points using 3:1 with points pt 7 ps 0.6 lc rgb "#333333", \\
     $points using 5:1:6 with labels left offset 0.8,0 font "sans-serif,12" textcolor rgb "#333333"
"""


def rows_of(figures):
    """The labels shown, from the fastest at batch 32 down; variants of settings stay out."""
    shown = [c for c in figures.select(batch=figures.batches()[0])
             if c["family"] != "dptrain" or (c["kind"] == "" and c["processes"] <= 2)]
    return [c["label"] for c in sorted(shown, key=us)]


def point(row, candidate):
    colour = int(COLOURS[candidate["family"]][1:], 16)
    low, high = spread(candidate)
    return f'{row} {colour} {us(candidate)} {low} {high} "{us(candidate):,.0f}"'


def panel(figures, labels, batch, place, scale):
    """Commands for one batch size; `place` counts panels from the left."""
    found = [(row, figures.one(label=label, batch=batch)) for row, label in enumerate(labels)]
    left = LABEL_WIDTH + place * PANEL_WIDTH
    return PANEL.format(
        batch=batch, low=scale["low"], left=left / scale["width"],
        right=(left + PANEL_WIDTH - GAP) / scale["width"],
        labels=", ".join(f'"{label if place == 0 else ""}" {row}'
                         for row, label in enumerate(labels)),
        points="\n".join(point(row, c) for row, c in found if c is not None))


def scale_of(figures, labels, path):
    """Sizes of the picture, and its axis, that begins and ends at one of 1, 3, 10, 30, ... µs."""
    values = [end for c in figures.candidates for end in spread(c)]
    ends = [step * 10**n for n in range(9) for step in (1, 3)]
    low = max(end for end in ends if end < 0.8 * min(values))
    high = min(end for end in ends if end > max(values))
    tics = [10**n for n in range(8) if low <= 10**n <= high]
    width = LABEL_WIDTH + len(figures.batches()) * PANEL_WIDTH
    height = TOP + ROW_HEIGHT * len(labels) + BOTTOM
    return {"path": path, "width": width, "height": height, "low": low, "high": high,
            "tics": ", ".join(f'"{tic:,}" {tic}' for tic in tics), "rows": len(labels),
            "top": 1 - TOP / height, "bottom": BOTTOM / height}


def render(commands, path):
    """Has gnuplot write an SVG; says so where it is not there."""
    if shutil.which("gnuplot") is None:
        print(f"no gnuplot, so no {path}", file=sys.stderr)
        return
    subprocess.run(["gnuplot"], input=commands, text=True, check=True)
    # Titles within an SVG are shown to who points at it, and gnuplot's say "Gnuplot".
    drawn = pathlib.Path(path)
    drawn.write_text(re.sub("<title>.*</title>", "", drawn.read_text(encoding="utf-8")), encoding="utf-8")


def draw(figures, path):
    """Writes the SVG."""
    labels = rows_of(figures)
    scale = scale_of(figures, labels, path)
    panels = [panel(figures, labels, batch, place, scale)
              for place, batch in enumerate(figures.batches())]
    render(HEAD.format(**scale) + "".join(panels), path)
