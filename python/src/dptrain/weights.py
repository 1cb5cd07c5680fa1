"""Weights from elsewhere as a checkpoint, from which training begins and which is asked as any other."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from . import DptrainError, Model
from ._library import need


class Weights(NamedTuple):
    """What a file holds."""

    tensors: dict[str, npt.NDArray[Any]]
    tokens: list[str] | None  # that they are of, where the file names them


def read(path: str | os.PathLike[str]) -> Weights:
    """Reads a file .safetensors or .npz, as export.to_file or another program has written it."""
    path = Path(path)
    readers = {".safetensors": _safetensors, ".npz": _npz}
    if path.suffix not in readers:
        raise DptrainError(f"{path}: ends with none of {' '.join(readers)}")
    with open(path, "rb"):  # says best why it cannot be read
        return readers[path.suffix](path)


def _safetensors(path: Path) -> Weights:
    safetensors = need("safetensors")
    try:
        with safetensors.safe_open(path, "numpy") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}
            tokens = json.loads((file.metadata() or {}).get("tokens", "null"))
    except (safetensors.SafetensorError, TypeError, KeyError, AttributeError, ValueError) as error:
        raise DptrainError(f"{path}: no safetensors that NumPy reads: {error}") from None
    return Weights(tensors, tokens)


def _npz(path: Path) -> Weights:
    try:
        with np.load(path) as file:
            tensors = {name: file[name] for name in file.files}
    except (zipfile.BadZipFile, ValueError, EOFError, TypeError) as error:
        raise DptrainError(f"{path}: no .npz that NumPy reads: {error}") from None
    tokens = tensors.pop("tokens", None)
    return Weights(tensors, None if tokens is None else [str(token) for token in tokens.flat])


def to_checkpoint(
    path: str | os.PathLike[str], like: Model, checkpoint: str | os.PathLike[str]
) -> None:
    """Writes the weights of a file .safetensors or .npz as a checkpoint like that of a model: Model.write.

    DptrainError names all that is missing, of another shape, not finite or of other tokens.
    """
    weights = read(path)
    like._fit(weights.tensors, str(path))
    if weights.tokens is not None and weights.tokens != like.tokens:
        raise DptrainError(f"{path}: not the tokens of {like.path}: {_difference(weights.tokens, like.tokens)}")
    like.write(checkpoint, weights.tensors)


def _difference(there: list[str], here: list[str]) -> str:
    """Five of each, from the first that differs on."""
    first = next((i for i, (a, b) in enumerate(zip(there, here)) if a != b), min(len(there), len(here)))

    def shown(tokens: list[str]) -> str:
        named = " ".join(repr(token) for token in tokens[first : first + 5])
        return named + (" ..." if len(tokens) > first + 5 else "") if named else "nothing"

    return f"from id {first} on {shown(there)}, not {shown(here)}"
