#!/usr/bin/env python3
"""Draws rooms.svg beside this file: which room sees which, as src/CMakeLists.txt has it.

    python3 docs/images/rooms.py

A room of several targets is one box. What a room sees by way of another has no line of its own.
"""
import pathlib
import re

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
# The boxes, from the top: room, place (0 left, 1 right), and what it knows in a few words.
ROWS = [
    [("answers", 0.15, "commands of one process"), ("jobs", 0.55, "commands of all ranks")],
    [("cli", 0.0, "arguments, exit status"), ("examine", 0.45, "bench, doctor, rates"), ("sweep", 0.8, "many runs")],
    [("plots", 0.3, "pictures, pages")],
    [("train", 0.5, "one run")],
    [("run", 0.32, "the files of a run"), ("baseline", 0.68, "the trigram")],
    [("library", 0.1, "libdptrain"), ("engine", 0.5, "one step of all ranks"),
     ("pack", 0.9, "text to dataset")],
    [("words", 0.9, "words of a text")],
    [("model", 0.1, "the network"), ("parallel", 0.37, "ranks, by MPI"),
     ("options", 0.63, "tables of settings"), ("data", 0.9, "rows, vocabulary")],
    [("kernels", 0.1, "vectors"), ("formats", 0.76, "bytes of files")],
    [("system", 0.5, "files, processes, signals")],
    [("base", 0.5, "status, memory, text, tree")],
]
WIDTH, BOX, HEIGHT, STEP, TOP = 960, 180, 42, 74, 20


def rooms():
    """Room to the rooms that its targets link, from the LINK lines."""
    text = (ROOT / "src/CMakeLists.txt").read_text(encoding="utf-8")
    found = re.findall(r"dp_add_room\((\w+)(?: FOLDER (\w+))?\s+SOURCES.*?LINK ([^)]*)\)", text, re.S)
    room_of = {target: folder or target for target, folder, _ in found}
    sees = {room: set() for room in room_of.values()}
    for target, _, links in found:
        for name in re.findall(r"\bdp_(\w+)", links):
            if room_of[name] != room_of[target]:
                sees[room_of[target]].add(room_of[name])
    return sees


def reached(sees, room):
    return set().union(*({seen} | reached(sees, seen) for seen in sees[room])) if sees[room] else set()


def direct(sees, room):
    """Those it sees and reaches by no other."""
    return {seen for seen in sees[room]
            if not any(seen in reached(sees, other) for other in sees[room] - {seen})}


def main():
    sees = rooms()
    place = {name: (BOX / 2 + 10 + x * (WIDTH - BOX - 20), TOP + row * STEP)
             for row, boxes in enumerate(ROWS) for name, x, _ in boxes}
    assert set(place) == set(sees), set(place) ^ set(sees)
    height = TOP + len(ROWS) * STEP - STEP + HEIGHT + TOP
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
           'font-family="system-ui,-apple-system,Segoe UI,Helvetica,Arial,DejaVu Sans,sans-serif">',
           "<title>The rooms of src/: each sees those below it that a line leads to</title>",
           f'<rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="10" fill="#0d1117" '
           'stroke="#30363d"/>']
    for room in sorted(sees):
        for seen in sorted(direct(sees, room)):
            (x1, y1), (x2, y2) = place[room], place[seen]
            y1 += HEIGHT
            bend = (y2 - y1) / 2
            out.append(f'<path d="M{x1:.0f} {y1}C{x1:.0f} {y1 + bend:.0f} {x2:.0f} {y2 - bend:.0f} {x2:.0f} {y2}" '
                       'fill="none" stroke="#6e7681" stroke-width="1.4"/>')
    for row, boxes in enumerate(ROWS):
        for name, _, words in boxes:
            x, y = place[name]
            out += [f'<rect x="{x - BOX / 2:.0f}" y="{y}" width="{BOX}" height="{HEIGHT}" rx="6" fill="#161b22" '
                    'stroke="#58a6ff"/>',
                    f'<text x="{x:.0f}" y="{y + 18}" fill="#ffffff" font-size="14" font-weight="600" '
                    f'text-anchor="middle">{name}</text>',
                    f'<text x="{x:.0f}" y="{y + 34}" fill="#8b949e" font-size="11.5" '
                    f'text-anchor="middle">{words}</text>']
    (HERE / "rooms.svg").write_text("\n".join(out + ["</svg>"]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
