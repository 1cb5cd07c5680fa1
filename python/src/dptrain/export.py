"""A model in the formats of other tools, written by the libraries that are made for them."""

from __future__ import annotations

import csv
import io
import json
import os
import secrets
from pathlib import Path
from typing import Any, Iterable, Iterator

import numpy as np

from . import DptrainError, Model
from ._library import need


def _replace(path: Path, content: bytes) -> None:
    """Whole or not at all: under another name first."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from None
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def to_file(model: Model, path: str | os.PathLike[str]) -> None:
    """Writes model.safetensors, .onnx, .npz or embeddings.txt, whichever the ending says."""
    path = Path(path)
    writers = {
        ".safetensors": _safetensors,
        ".onnx": _onnx,
        ".npz": _npz,
        ".txt": _word2vec,
    }
    if path.suffix not in writers:
        raise DptrainError(f"{path}: ends with none of {' '.join(writers)}")
    if not model.tensors:
        raise DptrainError("an ensemble has no tensors")
    _replace(path, writers[path.suffix](model))


def _facts(model: Model) -> dict[str, str]:
    return {
        "format": "dptrain",
        "unit": model.unit,
        "block_size": str(model.block_size),
        "step": str(model.step),
        "weights": model.weights,
        "tokens": json.dumps(model.tokens, ensure_ascii=False),
    }


def _safetensors(model: Model) -> bytes:
    """C, W1, b1, W2, b2, Wd; tokens and the rest in the metadata."""
    tensors = {name: np.ascontiguousarray(value) for name, value in model.tensors.items()}
    content: bytes = need("safetensors.numpy").save(tensors, metadata=_facts(model))
    return content


def _npz(model: Model) -> bytes:
    """The tensors under their names, and `tokens`."""
    file = io.BytesIO()
    arrays: dict[str, Any] = {"tokens": np.array(model.tokens), **model.tensors}
    np.savez(file, **arrays)
    return file.getvalue()


def _word2vec(model: Model) -> bytes:
    """The embeddings as word2vec writes text: "V D", then a token and its features a line.

    Blanks end a token there, so a space within a token is written as U+2581, and another blank of ASCII as its
    picture, U+2409 to U+240D. train.init_embeddings reads both.
    """
    blanks = {code: 0x2400 + code for code in range(9, 14)} | {ord(" "): 0x2581}
    features = model.tensors["C"]
    lines = [f"{features.shape[0]} {features.shape[1]}\n"]
    for token, row in zip(model.tokens, features):
        lines.append(token.translate(blanks) + " " + " ".join(repr(float(value)) for value in row) + "\n")
    return "".join(lines).encode()


def _onnx(model: Model) -> bytes:
    """contexts [rows, block_size] int64 to logits [rows, vocab]."""
    onnx = need("onnx")
    from onnx import TensorProto, helper, numpy_helper

    tensors = {name: np.ascontiguousarray(value) for name, value in model.tensors.items()}
    inputs = model.block_size * tensors["C"].shape[1]
    constants = [numpy_helper.from_array(value, name) for name, value in tensors.items()]
    constants.append(numpy_helper.from_array(np.array([-1, inputs]), "shape"))
    nodes = [
        helper.make_node("Gather", ["C", "contexts"], ["features"]),
        helper.make_node("Reshape", ["features", "shape"], ["x"]),
    ]
    logits = "b2"
    if "W1" in tensors:
        nodes += [
            helper.make_node("Gemm", ["x", "W1", "b1"], ["sum"]),
            helper.make_node("Tanh", ["sum"], ["h"]),
            helper.make_node("Gemm", ["h", "W2", logits], ["hidden_logits"]),
        ]
        logits = "hidden_logits"
    if "Wd" in tensors:
        nodes.append(helper.make_node("Gemm", ["x", "Wd", logits], ["direct_logits"]))
        logits = "direct_logits"
    nodes.append(helper.make_node("Identity", [logits], ["logits"]))
    graph = helper.make_graph(
        nodes,
        "dptrain",
        [helper.make_tensor_value_info("contexts", TensorProto.INT64, ["rows", model.block_size])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["rows", model.vocab])],
        constants,
    )
    whole = helper.make_model(
        graph, producer_name="dptrain", opset_imports=[helper.make_opsetid("", 13)], ir_version=8
    )
    helper.set_model_props(whole, _facts(model))
    onnx.checker.check_model(whole)
    content: bytes = whole.SerializeToString()
    return content


# --- TensorBoard


def _events(run: Path) -> Iterator[tuple[int, dict[str, float]]]:
    """The rows of a run's metrics: a step, and what was measured there."""
    path = run / "metrics.csv"
    with open(path, newline="", encoding="utf-8", errors="replace") as file:
        rows = csv.DictReader(file, restkey="", restval=None)
        for row in rows:
            try:
                if None in row.values() or "" in row:
                    raise ValueError("another number of columns than the first line")
                measured = {
                    name: float(value)
                    for name, value in row.items()
                    if value and name not in ("step", "weights")
                }
                yield int(row["step"]), measured
            except (ValueError, KeyError) as error:
                what = f"no column {error}" if isinstance(error, KeyError) else str(error)
                raise DptrainError(f"{path}:{rows.line_num}: no line of metrics: {what}") from None


def _run_folders(paths: Iterable[Path]) -> list[Path]:
    folders: list[Path] = []
    for path in paths:
        found = [path] if (path / "metrics.csv").exists() else sorted(path.glob("*/metrics.csv"))
        if not found:
            raise DptrainError(f"{path} holds no run: no metrics.csv in it or below it")
        folders += [entry if entry.is_dir() else entry.parent for entry in found]
    return folders


def to_tensorboard(paths: Iterable[Path]) -> list[Path]:
    """Writes RUN/tensorboard/ of each run, anew: a scalar for each column of its metrics."""
    runs = _run_folders(paths)
    need("tensorboard")
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    written = []
    for run in runs:
        folder = run / "tensorboard"
        events = list(_events(run))
        for old in folder.glob("events.out.tfevents.*"):
            old.unlink()
        writer = EventFileWriter(str(folder))
        for step, measured in events:
            values = [Summary.Value(tag=name, simple_value=value) for name, value in measured.items()]
            writer.add_event(Event(step=step, summary=Summary(value=values)))
        writer.close()
        written.append(folder)
    return written
