"""libdptrain by ctypes: the structs and functions of dptrain/dptrain.h, and its errors as exceptions.

ctypes lets go of the interpreter's lock while a function works, so threads with a model each run side by
side.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import pathlib
from ctypes import POINTER, c_char, c_char_p, c_double, c_float, c_int, c_size_t, c_uint32, c_uint64, c_void_p
from typing import Any

OK, ERR_INPUT, ERR_IO, ERR_MEMORY = 0, 2, 3, 4


class DptrainError(ValueError):
    """An argument or the content of a file is wrong; the message names it."""


class Error(ctypes.Structure):
    _fields_ = [("status", c_int), ("message", c_char * 1024)]


class Description(ctypes.Structure):
    _fields_ = [
        ("path", c_char_p),
        ("unit", c_char_p),
        ("stream", c_int),
        ("vocab", c_size_t),
        ("block_size", c_size_t),
        ("embedding_dim", c_size_t),
        ("hidden_dim", c_size_t),
        ("direct", c_int),
        ("parameters", c_size_t),
        ("weights", c_char_p),
        ("step", c_uint64),
        ("best_step", c_uint64),
        ("best_loss", c_double),
        ("without_better", c_uint64),
        ("dataset_sha256", c_char_p),
        ("build", c_char_p),
        ("config", c_char_p),
        ("packed_with", c_char_p),
        ("lowercase", c_int),
        ("normalize", c_char_p),
        ("members", c_size_t),
        ("contract", c_uint64),
    ]


class Tensor(ctypes.Structure):
    _fields_ = [
        ("name", c_char_p),
        ("rank", c_int),
        ("rows", c_size_t),
        ("columns", c_size_t),
        ("values", POINTER(c_float)),
        ("row_stride", c_size_t),
        ("column_stride", c_size_t),
    ]


class TextScore(ctypes.Structure):
    _fields_ = [
        ("log_probability", c_double),
        ("tokens", c_uint64),
        ("unknown", c_uint64),
        ("known_log_probability", c_double),
    ]


class TokenScore(ctypes.Structure):
    _fields_ = [
        ("log_probability", c_double),
        ("rank", c_uint64),
        ("id", c_uint32),
        ("begin", c_size_t),
        ("length", c_size_t),
    ]


class State(ctypes.Structure):
    _fields_ = [
        ("log_probability", c_double),
        ("known_log_probability", c_double),
        ("tokens", c_uint64),
        ("unknown", c_uint64),
        ("context", c_uint32 * 64),
    ]


class Sampling(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t),
        ("seed", c_uint64),
        ("temperature", c_double),
        ("prompt", c_char_p),
        ("length", c_uint64),
        ("top_k", c_uint64),
        ("top_p", c_double),
        ("min_length", c_uint64),
        ("max_length", c_uint64),
        ("unlike", c_void_p),
        ("unique", c_int),
    ]


class Drawn(ctypes.Structure):
    _fields_ = [
        ("text", c_char_p),
        ("index", c_uint64),
        ("tokens", c_uint64),
        ("log_probability", c_double),
    ]


def _open_library() -> ctypes.CDLL:
    """The library beside this file, or that of DPTRAIN_LIBRARY: of a build that is tested."""
    path = os.environ.get("DPTRAIN_LIBRARY") or str(pathlib.Path(__file__).with_name("libdptrain.so"))
    try:
        opened = ctypes.CDLL(path)
        for name, (result, arguments) in _FUNCTIONS.items():
            function = getattr(opened, name)
            function.restype = result
            function.argtypes = arguments
    except (OSError, AttributeError) as error:
        raise ImportError(
            f"no libdptrain of this package: {error}: pip install ./python in a clone of dptrain, or name that of a "
            "build by DPTRAIN_LIBRARY"
        ) from None
    return opened


_FUNCTIONS = {
    "dptrain_version": (c_char_p, []),
    "dptrain_open": (c_int, [POINTER(c_void_p), c_char_p, POINTER(Error)]),
    "dptrain_ensemble": (
        c_int,
        [POINTER(c_void_p), POINTER(c_void_p), POINTER(c_double), c_size_t, POINTER(Error)],
    ),
    "dptrain_close": (None, [c_void_p]),
    "dptrain_describe": (None, [c_void_p, POINTER(Description), c_size_t]),
    "dptrain_get_tensor": (c_int, [c_void_p, c_size_t, POINTER(Tensor), c_size_t]),
    "dptrain_token": (c_char_p, [c_void_p, c_uint32]),
    "dptrain_find": (c_int, [c_void_p, c_char_p, c_size_t, POINTER(c_uint32), POINTER(Error)]),
    "dptrain_encode": (
        c_size_t,
        [c_void_p, c_char_p, c_size_t, c_void_p, c_size_t, POINTER(c_size_t)],
    ),
    "dptrain_context": (c_int, [c_void_p, c_char_p, c_size_t, c_void_p, POINTER(Error)]),
    "dptrain_next": (c_int, [c_void_p, c_void_p, c_void_p, POINTER(Error)]),
    "dptrain_score_texts": (
        c_int,
        [c_void_p, POINTER(c_char_p), c_void_p, c_size_t, c_void_p, c_size_t, POINTER(Error)],
    ),
    "dptrain_state_begin": (None, [c_void_p, POINTER(State), c_size_t]),
    "dptrain_state_next": (
        c_int,
        [c_void_p, POINTER(State), c_size_t, c_size_t, c_void_p, POINTER(Error)],
    ),
    "dptrain_state_push": (
        c_int,
        [c_void_p, POINTER(State), c_size_t, c_uint32, c_void_p, POINTER(Error)],
    ),
    "dptrain_score_tokens": (
        c_int,
        [
            c_void_p,
            c_char_p,
            c_size_t,
            c_void_p,
            c_size_t,
            c_size_t,
            POINTER(c_size_t),
            POINTER(Error),
        ],
    ),
    "dptrain_sampling_init": (None, [POINTER(Sampling), c_size_t]),
    "dptrain_sample": (
        c_int,
        [c_void_p, POINTER(Sampling), c_uint64, POINTER(c_char_p), POINTER(Error)],
    ),
    "dptrain_texts_create": (c_int, [POINTER(c_void_p), POINTER(Error)]),
    "dptrain_texts_destroy": (None, [c_void_p]),
    "dptrain_texts_add": (c_int, [c_void_p, c_char_p, c_size_t, POINTER(c_int), POINTER(Error)]),
    "dptrain_draw": (
        c_int,
        [c_void_p, POINTER(Sampling), c_uint64, POINTER(Drawn), c_size_t, POINTER(Error)],
    ),
    "dptrain_similarity": (c_int, [c_void_p, c_uint32, c_void_p, POINTER(Error)]),
    "dptrain_import": (
        c_int,
        [c_void_p, POINTER(c_void_p), c_size_t, c_char_p, POINTER(Error)],
    ),
}

library = _open_library()


def check(status: int, error: Error) -> None:
    """Raises what a status means, with the library's message."""
    if status == OK:
        return
    message = error.message.decode("utf-8", "replace")
    if status == ERR_IO:
        raise OSError(message)
    if status == ERR_MEMORY:
        raise MemoryError(message)
    if status == ERR_INPUT:
        raise DptrainError(message)
    raise RuntimeError(message)


def need(module: str) -> Any:
    """A module that is not among what this package installs; without it an ImportError says what to do."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if error.name != package:  # something else is missing, within it
            raise
        raise ModuleNotFoundError(f"{package} is not installed: pip install {package}", name=package) from None


def encode(text: object, what: str) -> bytes:
    """The bytes of a text, whatever is in them."""
    if not isinstance(text, str):
        raise TypeError(f"{what} is a str, not {type(text).__name__}")
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise DptrainError(f"{what} is no Unicode text: {error}") from None


def encode_name(text: bytes, what: str) -> bytes:
    """Of what ends by a zero byte for the library."""
    if b"\0" in text:
        raise DptrainError(f"{what} has a zero byte")
    return text
