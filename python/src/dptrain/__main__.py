"""python -m dptrain export RUN FILE: a model for other tools, by the ending of the file.
python -m dptrain import FILE --like RUN -o CHECKPOINT: weights from elsewhere, to begin a run with.
python -m dptrain tensorboard RUNS...: the curves of runs as event files of TensorBoard."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from . import DptrainError, __version__, export, load, weights


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m dptrain",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"dptrain {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    exporting = commands.add_parser("export", help="a model for other tools")
    exporting.add_argument("run", help="a run folder or a checkpoint")
    exporting.add_argument("file", type=Path, help="model.safetensors, .onnx, .npz, or embeddings.txt")
    importing = commands.add_parser("import", help="weights from elsewhere as a checkpoint")
    importing.add_argument("file", type=Path, help="weights.safetensors or .npz")
    importing.add_argument("--like", required=True, metavar="RUN", help="a model of the same shape and tokens")
    importing.add_argument("-o", dest="checkpoint", required=True, type=Path, help="the checkpoint to write")
    board = commands.add_parser("tensorboard", help="the curves of runs as event files")
    board.add_argument("runs", nargs="+", type=Path, help="run folders, or folders of them")
    return parser


def _run(chosen: argparse.Namespace) -> list[Path]:
    """What was written."""
    if chosen.command == "export":
        export.to_file(load(chosen.run), chosen.file)
        return [chosen.file]
    if chosen.command == "import":
        weights.to_checkpoint(chosen.file, load(chosen.like), chosen.checkpoint)
        return [chosen.checkpoint]
    return export.to_tensorboard(chosen.runs)


def _say(lines: list[Path]) -> None:
    """Who no longer reads has the files all the same."""
    try:
        print(*lines, sep="\n", flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _reason(error: OSError) -> str:
    """In the form of the program's messages."""
    return f"{error.filename}: {error.strerror}" if error.filename else str(error)


def main() -> int:
    try:
        _say(_run(_parser().parse_args()))
    except KeyboardInterrupt:
        return 130
    except ImportError as error:
        print(f"dptrain: {error}", file=sys.stderr)
        return 2
    except DptrainError as error:
        print(f"dptrain: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"dptrain: {_reason(error)}", file=sys.stderr)
        return 3
    except MemoryError as error:
        print(f"dptrain: {error or 'out of memory'}", file=sys.stderr)
        return 4
    return 0


if __name__ == "__main__":
    sys.exit(main())
