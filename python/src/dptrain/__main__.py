"""python -m dptrain export RUN FILE: a model for other tools, by the ending of the file.
python -m dptrain tensorboard RUNS...: the curves of runs as event files of TensorBoard."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from . import DptrainError, export, load


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m dptrain", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    exporting = commands.add_parser("export", help="a model for other tools")
    exporting.add_argument("run", help="a run folder or a checkpoint")
    exporting.add_argument("file", type=Path, help="model.safetensors, .onnx, .npz, or embeddings.txt")
    board = commands.add_parser("tensorboard", help="the curves of runs as event files")
    board.add_argument("runs", nargs="+", type=Path, help="run folders, or folders of them")
    chosen = parser.parse_args()
    try:
        if chosen.command == "export":
            export.to_file(load(chosen.run), chosen.file)
            print(chosen.file)
        else:
            for folder in export.to_tensorboard(chosen.runs):
                print(folder)
    except ImportError as error:
        print(f"dptrain: {error}: pip install {error.name}", file=sys.stderr)
        return 2
    except (DptrainError, OSError) as error:
        print(f"dptrain: {error}", file=sys.stderr)
        return 2 if isinstance(error, DptrainError) else 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
