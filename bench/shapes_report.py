"""docs/performance_shapes.md and its picture, from the results of `run.py --shapes`."""
import math

from figures import is_disturbed, is_quiet, middle, ratio, ratios, us
from plot import COLOURS, render
from report import left, machine_table, number, paragraph, section, table

HEAD = """# Performance by shape{variant}

<!-- Written by bench/run.py. To change it, change the script and run it again. -->

![times that the loop in JAX takes of dptrain's, by shape](images/{page}.svg)

{introduction}

<!-- not run: it measures for minutes, beside JAX -->

    {command}

{how_to_read}
"""

INTRODUCTION = """
One training step of the model in {count} shapes, on one core, by {trained}: dptrain with {grains}
grains (of a smaller batch as many as it has rows) and the same in JAX. There the whole loop is one `jit` of a `lax.scan`, rows are drawn before the clock starts, and of several ways to write layer
1 and the loss the fastest at each shape was taken. {plain}V = 27 is the names model's data; of the
others each V has a generated text whose words are all as frequent. All are fed the same rows from the
same start before they are measured, {steps} steps{without}, and none is off by more than 0.1 % in a
loss.
"""

PLAIN = """*BLAS* is a plain C loop over OpenBLAS, the step that one would write by hand. """

HOW_TO_READ = """
*µs a step* is the median of {rounds} rounds, in which the candidates take turns. Ratios are medians of
the rounds' ratios, with the least and the largest. *of sgemm* is the rate of a step's six matrix
products as written over that of a large OpenBLAS sgemm on the same core in the same run; it can pass
1 where layer 1 is a table of sums. {busy}
"""

SUMMARY = """
Geometric mean of the ratios to JAX: **{mean:.2f}**; least: **{least:.2f}** ({least_name}).
"""

PICTURE = """
set terminal svg size {width},{height} font "sans-serif,13" background "white"
set output "{path}"
set border 1 lc rgb "#555555"
set tics nomirror textcolor rgb "#333333"
set grid xtics lc rgb "#dddddd"
set logscale x
set xrange [{low}:{high}]
set xtics ({tics})
set yrange [{rows}-0.4:-0.6]
set lmargin at screen {left}
set rmargin at screen 0.93
set tmargin at screen {top}
set bmargin at screen {bottom}
set ytics scale 0 ({labels})
set title offset 0,-0.4 "time of the same step in JAX over dptrain's{variant}" textcolor rgb "#333333"
set xlabel "times dptrain's (log scale); right of 1 dptrain is faster" textcolor rgb "#333333"
set arrow from 1,{rows}-0.4 to 1,-0.6 nohead lw 1.5 lc rgb "#333333" front
unset key
$points << END
{points}
END
plot $points using (1):1:($2-1):(0) with vectors nohead lw 9 lc rgb "{colour}", \\
     $points using 3:1:($4-$3):(0) with vectors nohead lw 2 lc rgb "#333333", \\
     $points using 2:1 with points pt 7 ps 0.6 lc rgb "#333333", \\
     $points using ($4>1?$4:1):1:5 with labels left offset 0.8,0 font "sans-serif,12" \\
         textcolor rgb "#333333"
"""


class Row:
    """What was measured of a shape."""

    def __init__(self, found):
        by_family = {candidate["family"]: candidate for candidate in found["candidates"]}
        self.shape = found["shape"]
        self.ours, self.jax, self.blas = map(by_family.get, ("dptrain", "JAX", "OpenBLAS"))
        self.measured = [c for c in (self.ours, self.jax, self.blas) if c is not None]
        self.name = "V {:,} · {}×{} → {:,}, batch {:,}".format(*self.shape)

    def against(self, other):
        """The median, least and largest ratio; None where it was not measured."""
        if other is None or self.ours is None:
            return None
        found = ratios(other, self.ours)
        return ratio(other, self.ours), min(found), max(found)


def ratio_text(found):
    return "not measured" if found is None else "{:.2f} ({:.2f} – {:.2f})".format(*found)


def time_text(candidate):
    if candidate is None:
        return "not measured"
    return number(us(candidate)) + (" *disturbed*" if is_disturbed(candidate) else "")


def cells(row, with_plain):
    plain = (time_text(row.blas),) if with_plain else ()
    plain_ratio = (ratio_text(row.against(row.blas)),) if with_plain else ()
    fraction = "" if row.ours is None else f"{middle(row.ours, 'fraction_of_sgemm'):.2f}"
    return (*(f"{size:,}" for size in row.shape), time_text(row.jax), *plain, time_text(row.ours),
            ratio_text(row.against(row.jax)), *plain_ratio, fraction)


def summary(rows):
    found = [(row.against(row.jax)[0], row.name) for row in rows if row.against(row.jax)]
    if not found:
        return ""
    least, least_name = min(found)
    mean = math.exp(sum(math.log(value) for value, _ in found) / len(found))
    return paragraph(SUMMARY, mean=mean, least=least, least_name=least_name)


def busy_text(rows):
    rounds = [measured for row in rows for c in row.measured for measured in c["rounds"]]
    noisy = sum(not is_quiet(measured) for measured in rounds)
    lost = sum(is_disturbed(c) for row in rows for c in row.measured)
    return (f"Of {len(rounds)} measurements {noisy} were disturbed by other processes or by the host; "
            f"these count only where there is no quiet one, as for {lost} of the figures.")


def page_of(results):
    """Its name, and what a title adds."""
    parts = [("adamw", "AdamW")] if results["optimizer"] == "adamw" else []
    parts += [("dropout", f"dropout {results['dropout']:g}")] if results["dropout"] else []
    return ("performance_shapes" + "".join(f"_{part}" for part, _ in parts),
            ", ".join(["", *(text for _, text in parts)]))


def head(results, rows, with_plain):
    page, variant = page_of(results)
    trained = {"sgd": "plain SGD", "adamw": "AdamW"}[results["optimizer"]]
    if results["dropout"]:
        trained += f" and dropout of {results['dropout']:g} of the hidden units"
    return HEAD.format(
        page=page, variant=variant, command=results["command"],
        introduction=paragraph(INTRODUCTION, count=len(rows), grains=results["grains"],
                               steps=results["checked_steps"], trained=trained,
                               plain=PLAIN.lstrip() if with_plain else "",
                               without=", without dropout" if results["dropout"] else ""),
        how_to_read=paragraph(HOW_TO_READ, rounds=results["rounds"], busy=busy_text(rows)))


def shape_table(rows, with_plain):
    columns = ["V", "block", "features", "hidden", "batch", "JAX, µs", "BLAS, µs", "dptrain, µs",
               "JAX over dptrain", "BLAS over dptrain", "of sgemm"]
    return table([name for name in columns if with_plain or "BLAS" not in name],
                 [cells(row, with_plain) for row in rows])


def missing(results):
    rows = [(Row(found).name, note["label"], note["reason"].replace("|", "/"))
            for found in results["shapes"] for note in found["unavailable"]]
    return section("Not measured", "", left(table(("", "candidate", "why"), rows))) if rows else ""


def draw(rows, variant, path):
    shown = [(row.name, row.against(row.jax)) for row in rows if row.against(row.jax)]
    if not shown:
        return
    ends = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50]
    low = max([end for end in ends if end < min(least for _, (_, least, _) in shown)] or [0.05])
    low, high = min(low, 0.5), 1.5 * max(most for _, (_, _, most) in shown)
    height = 110 + 24 * len(shown)
    render(PICTURE.format(
        path=path, width=820, height=height, left=0.32, top=1 - 40 / height, bottom=65 / height,
        low=low, high=high, rows=len(shown), variant=variant, colour=COLOURS["dptrain"],
        tics=", ".join(f'"{end:g}" {end}' for end in ends if low <= end <= high),
        labels=", ".join(f'"{name}" {place}' for place, (name, _) in enumerate(shown)),
        points="\n".join(f'{place} {found[0]} {found[1]} {found[2]} "{found[0]:.2f}"'
                         for place, (_, found) in enumerate(shown))), path)


def write(results, output):
    """The page and its picture, in a folder; the table is printed, too."""
    rows = [Row(found) for found in results["shapes"]]
    with_plain = any(row.blas is not None for row in rows)
    page, variant = page_of(results)
    body = shape_table(rows, with_plain) + "\n" + summary(rows) + "\n"
    print(body)
    build = next((c["rounds"][0]["build"] for row in rows for c in row.measured
                  if c is row.ours), results["versions"].get("dptrain", ""))
    (output / "images").mkdir(parents=True, exist_ok=True)
    (output / f"{page}.md").write_text(
        head(results, rows, with_plain) + "\n" + body + machine_table(results, build)
        + missing(results), encoding="utf-8")
    draw(rows, variant, output / f"images/{page}.svg")
