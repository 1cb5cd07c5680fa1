"""The page of docs/ from the results of a run. All of its text is made here."""
import textwrap

from figures import (PACE, QUIET, Figures, best_us, is_disturbed, is_quiet, middle, ratio, spread,
                     us)
from models import ALLOCATOR, BY_MESSAGES, MODELS
from plot import draw
from targets import targets

PHASES = ("draw", "layer1", "tanh", "layer2", "softmax", "backward", "exchange", "update")

HEAD = """# {title}

<!-- Written by bench/run.py. To change it, change the script and run it again. -->

{shapes}{introduction}

![µs a step of all candidates, log scale](images/{page}.svg)

<!-- not run: it measures for minutes, beside PyTorch -->

    {command}

{how_to_read}
"""

SHAPES = """
![times that the loop in JAX takes of dptrain's, by shape](images/performance_shapes.svg)

[performance_shapes.md](performance_shapes.md) has the figures: the model in many shapes, on one core,
beside the same loop in JAX.

"""

INTRODUCTION = """
How long one training step takes: dptrain beside what one would use instead. The model is the names
model (block size {block_size}, {embedding} features, {hidden} hidden units, {parameters:,}
parameters), so small that most of a step in a framework is overhead. All candidates draw rows with
replacement, train on them with plain SGD in float32, and were measured in one run, in turn.
"""

INTRODUCTION_WORDS = """
How long one training step takes where the vocabulary is large: dptrain beside what one would use
instead. V = {vocab:,} ({words}), block size {block_size}, {embedding} features, {hidden} hidden
units, {parameters:,} parameters, no direct connections: nearly all of the work is the output layer,
which dptrain splits over its ranks. All candidates draw rows with replacement, train on them with
plain SGD in float32, and were measured in one run, in turn; [performance.md](performance.md) does
the same with a small model. PyTorch runs with glibc's allocator, told to keep what is freed
({allocator}): out of the box the logits of each step are memory that the system has to provide
anew, page by page.
"""

HOW_TO_READ = """
*µs a step* is the median of {rounds} rounds. A round measures each candidate once, for about
{seconds:g} s in stretches of 20 ms, and takes the median stretch; *rounds* are the fastest and the
slowest round. Ratios are medians of the rounds' ratios. {busy} *At best* is the fastest tenth of
the stretches in the round where that is fastest: what a candidate does when it is disturbed least.
Whether a target is met, medians decide.
"""

COMPARISON = """
The last column compares with dptrain on as many ranks as the candidate uses cores.
"""

PHASE_NOTE = """
Microseconds a step in each phase; over ranks from the one that spends least in it to the one that
spends most. *exchange* is mostly waiting for the other rank. Phases are timed on steps of their
own, because reading the clock between them takes time too.
"""

RATES = """
The flops of a step's six matrix products as written, against the rate of a large OpenBLAS sgemm on
one core in the same run. A core can seem to do more than that: layer 1 is a table of sums where
that is less work.
"""

RATES_WORDS = """
The flops of a step's six matrix products as written, against the rate of a large OpenBLAS sgemm on
one core in the same run.
"""

BYTES = """
Bytes that the ranks hand each other in a step, all of them together, where every rank keeps to
itself (`parallel.exchange = tree`) so that all that crosses goes by messages. Between the ranks of a
node it crosses shared memory instead, and all that goes by messages are the maxima and sums of the
softmax.
"""

VARIANTS = """
Batch 32. *ratio* is to dptrain's defaults on as many ranks (8 ranks: on 2). The last two columns
are the exchange with the update and nothing else, and MPI_Allreduce with the update of the same
slab.
"""

MEMORY = """
Resident at the first step, in MB: of the largest rank, and of all ranks together, each page divided
by all processes that use it. Seconds from the start of the process to the first step done.
"""

AGREEMENT = """
Before it is measured, every candidate starts from dptrain's initial parameters and trains on the
rows that dptrain draws, {steps} steps of batch {batch}. A candidate whose loss is off by more than
0.1 % at any step is not measured.
"""


def paragraph(text, **values):
    """A template filled in and wrapped."""
    return textwrap.fill(text.strip().format(**values), 100)


def section(title, text, *tables):
    """A heading, a paragraph (or none) and tables."""
    parts = [f"\n## {title}\n", *([paragraph(text) + "\n"] if text else []), *tables]
    return "\n".join(parts)


def table(head, rows):
    """Markdown; the first column is left-aligned, the others right."""
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"


def number(value):
    """Three digits, or all before the point."""
    if value is None:
        return "not measured"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def busy_text(figures):
    """How quiet the machine was."""
    rounds = [measured for c in figures.candidates for measured in c["rounds"]]
    noisy = sum(not is_quiet(measured) for measured in rounds)
    text = f"Other processes used more than {QUIET} cores, or a core was more than " \
           f"{100 * PACE - 100:.0f} % slower than at its best, during {noisy} of {len(rounds)} " \
           "measurements"
    if noisy == 0:
        return text + "."
    text += "; these count only where there is no quiet one"
    lost = sum(map(is_disturbed, figures.candidates))
    return text + (f", as for {lost} candidates, marked *disturbed*." if lost else ".")


def rounds_text(candidate):
    """The fastest and the slowest round."""
    text = " – ".join(number(value) for value in spread(candidate))
    return text + (" *disturbed*" if is_disturbed(candidate) else "")


def introduction(figures):
    results = figures.results
    parameters = int(middle(figures.select(family="dptrain")[0], "parameters"))
    if figures.model is MODELS["names"]:
        return paragraph(INTRODUCTION, parameters=parameters, **results["shape"])
    allocator = ", ".join(f"`{name}={value}`" for name, value in
                          ALLOCATOR.items())
    text = "of a generated text that follows Zipf's law" if results["generated"] else \
        "of the text that the command names, words seen four times or more"
    return paragraph(INTRODUCTION_WORDS, parameters=parameters, vocab=results["vocab"], words=text,
                     allocator=allocator, **results["shape"])


def head_section(figures):
    results = figures.results
    titles = {"names": "Performance", "words": "Performance with words"}
    leads = figures.model is MODELS["names"] and figures.has_shapes
    return HEAD.format(
        shapes=SHAPES.lstrip() if leads else "", title=titles[figures.model["name"]], page=figures.model["page"],
        command=results["command"], introduction=introduction(figures),
        how_to_read=paragraph(HOW_TO_READ, rounds=results["rounds"], seconds=results["seconds"],
                              busy=busy_text(figures)))


def left(text):
    """A table with all columns left-aligned."""
    return text.replace("---:", "---")


def machine_table(results, build):
    versions = {"Python": "python", "NumPy": "numpy", "PyTorch": "torch", "JAX": "jax"}
    facts = {**results["machine"], "dptrain": build,
             **{name: results["versions"][key] for name, key in versions.items()
                if key in results["versions"]}, "date": results["date"]}
    return section("The machine", "", left(table(("", ""), facts.items())))


def machine_section(figures):
    return machine_table(figures.results, dptrain_text(figures))


def dptrain_text(figures):
    measured = figures.select(family="dptrain")[0]["rounds"][0]
    return measured.get("build", figures.results["versions"]["dptrain"])


def candidate_row(figures, candidate, batch):
    ours = figures.dptrain(candidate["cores"], batch)
    is_ours = candidate is ours
    return (candidate["label"], number(us(candidate)), rounds_text(candidate),
            number(best_us(candidate)), f"{1e6 * batch / us(candidate):,.0f}",
            "1" if is_ours else number(ratio(candidate, ours)) if ours else "")


def is_shown(figures, candidate):
    """Everything but dptrain's variants, which have a table of their own."""
    usual = [figures.dptrain(ranks, candidate["batch"]) for ranks in (1, 2)]
    return candidate["family"] != "dptrain" or candidate in usual


def comparison_section(figures):
    tables = []
    for batch in figures.batches():
        rows = [candidate_row(figures, c, batch) for c in figures.select(batch=batch)
                if is_shown(figures, c)]
        tables.append(table((f"batch {batch}", "µs a step", "rounds", "at best", "examples/s",
                             "times dptrain's"), rows))
    return section("A step", COMPARISON, *tables)


def target_row(target):
    verdict = {True: "yes", False: "**no**", None: ""}[target["met"]]
    value = "not measured" if target["value"] is None else f"{target['value']:.3g}"
    if target["note"]:
        value += f" ({target['note']})"
    best = "" if target["best"] is None else f"{target['best']:.3g}"
    return target["text"], target["bound"], value, verdict, best


def target_section(figures):
    rows = [target_row(target) for target in targets(figures)]
    return section("Targets", "", table(("", "target", "measured", "met", "at best"), rows))


def phase_columns(figures):
    """The runs of dptrain whose phases are shown, where measured."""
    wanted = [(ranks, batch) for batch in figures.batches() for ranks in (1, 2)]
    found = [(f"batch {batch}, {ranks} rank{'s' * (ranks > 1)}", figures.dptrain(ranks, batch))
             for ranks, batch in wanted]
    return [(head, candidate) for head, candidate in found if candidate is not None]


def phase_cell(candidate, phase):
    low, mid, high = (middle(candidate, "phases", phase, part) for part in ("min", "median", "max"))
    if candidate["processes"] == 1:
        return f"{mid:.2f}"
    return f"{low:.2f} – {high:.2f}"


def phase_section(figures):
    columns = phase_columns(figures)
    rows = [(phase, *(phase_cell(c, phase) for _, c in columns)) for phase in PHASES]
    rows.append(("sum of medians", *(number(sum(middle(c, "phases", phase, "median")
                                                for phase in PHASES)) for _, c in columns)))
    rows.append(("the step, unprofiled", *(number(us(c)) for _, c in columns)))
    heads = ("", *(head for head, _ in columns))
    return section("Where a step goes", PHASE_NOTE, table(heads, rows))


def rate_row(head, candidate):
    return (head, f"{middle(candidate, 'nominal_flops') * 1e-6:.2f}",
            number(middle(candidate, "gflops")), number(middle(candidate, "sgemm_gflops")),
            f"{middle(candidate, 'fraction_of_sgemm'):.2f}")


def rate_section(figures):
    rows = [rate_row(*column) for column in phase_columns(figures)]
    text = RATES if figures.model is MODELS["names"] else RATES_WORDS
    return section("Arithmetic", text, table(
        ("", "Mflop a step", "GFLOP/s", "sgemm GFLOP/s", "fraction"), rows))


def variant_row(candidate, base):
    return (candidate["label"], number(us(candidate)),
            rounds_text(candidate),
            number(ratio(candidate, base)), number(middle(candidate, "exchange_us")),
            number(middle(candidate, "allreduce_us")))


def variant_section(figures):
    rows = [variant_row(c, figures.dptrain(min(c["processes"], 2), 32))
            for c in figures.select(family="dptrain", batch=32)]
    return section("Exchanges, grains and more ranks than cores", VARIANTS, table(
        ("", "µs a step", "rounds", "ratio", "exchange µs", "MPI_Allreduce µs"), rows))


def bytes_row(figures, batch):
    split, whole = (figures.dptrain(2, batch, kind) for kind in BY_MESSAGES)
    if split is None or whole is None:
        return (f"batch {batch}", *3 * ("not measured",))
    cells = [middle(candidate, "bytes_sent") for candidate in (split, whole)]
    return (f"batch {batch}", *(f"{cell:,.0f}" for cell in cells),
            f"{cells[0] / cells[1]:.3f}")


def bytes_section(figures):
    rows = [bytes_row(figures, batch) for batch in figures.batches()]
    return section("Bytes between 2 ranks", BYTES, table(
        ("", "`output = split`", "`output = replicated`", "split over replicated"), rows))


def memory_section(figures):
    rows = [(c["label"], f"{1e-6 * middle(c, 'resident_bytes_rank'):.1f}",
             f"{1e-6 * middle(c, 'resident_bytes_node'):.1f}",
             f"{middle(c, 'seconds_to_first_step'):.2f}")
            for c in figures.select(family="dptrain", batch=32, kind="")]
    return section("Memory and start", MEMORY, table(("", "a rank", "all ranks", "first step, s"),
                                                     rows))


def agreement_section(figures):
    results = figures.results
    rows = [(a["label"], f"{a['losses'][0]:.6f}", f"{a['losses'][-1]:.6f}",
             f"{a['worst']:.1e}" if "worst" in a else "") for a in results["agreement"]]
    return section("The same work", AGREEMENT.format(**results["checked"]), table(
        ("", "first loss", "last loss", "largest relative difference"), rows))


def unavailable_section(figures):
    rows = [(u["label"], u["reason"].replace("|", "/")) for u in figures.results["unavailable"]]
    return section("Not measured", "", left(table(("", "why"), rows))) if rows else ""


def sections_of(model):
    """The functions that write the page of a model, in order."""
    special = {"names": variant_section, "words": bytes_section}[model["name"]]
    return (head_section, target_section, comparison_section, phase_section, rate_section, special,
            memory_section, agreement_section, machine_section, unavailable_section)


def write(results, output):
    """The page of the model that was measured, and its picture, in a folder."""
    figures = Figures(results)
    page = figures.model["page"]
    figures.has_shapes = (output / "images/performance_shapes.svg").exists()
    (output / "images").mkdir(parents=True, exist_ok=True)
    (output / f"{page}.md").write_text(
        "".join(part(figures) for part in sections_of(figures.model)), encoding="utf-8")
    draw(figures, output / f"images/{page}.svg")
