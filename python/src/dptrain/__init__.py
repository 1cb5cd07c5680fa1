"""Asks a small neural language model that dptrain has trained.

    model = dptrain.load("runs/base")
    model.score(["emma", "olivia"])     # natural log-probabilities
    model.next("em")                    # {token: probability}, the likeliest first
    model.sample(5, seed=1)             # texts that it makes up

A model reads some tokens, its context, and gives each token of its vocabulary a probability to be the next
one. Tokens are characters or words and have ids; id 0 is the boundary before a text and behind it.
"""

from __future__ import annotations

import ctypes
import os
from typing import TYPE_CHECKING, Any, Iterable, NamedTuple, Sequence, TypedDict

import numpy as np
import numpy.typing as npt

from ._library import (
    Description,
    DptrainError,
    Drawn as CDrawn,
    Error,
    Sampling,
    Tensor,
    TextScore,
    TokenScore,
    check,
    library,
)

if TYPE_CHECKING:
    import pandas
    import torch
    from typing_extensions import Unpack

__all__ = ["DptrainError", "Drawn", "How", "Model", "TokenSurprisal", "ensemble", "load", "metrics"]
__version__: str = library.dptrain_version().decode()

UNKNOWN = 0xFFFFFFFF  # the id of a token that the model knows nothing of


class TokenSurprisal(NamedTuple):
    """What a token adds to the score of its text."""

    token: str
    surprisal: float  # -ln P(token | the ones before it); inf where the model does not know it
    rank: int  # 1 for the likeliest token behind this context; 0 where it is not known


class How(TypedDict, total=False):
    """How texts are drawn."""

    seed: int  # 42
    temperature: float  # 1; below it likelier tokens, 0 the likeliest only
    prompt: str  # what each begins with
    length: int  # tokens behind it at most; 0 is 1,000, or 40 of running text
    top_k: int  # only the likeliest tokens, so many; 0 is all
    top_p: float  # of these the likeliest, until their probabilities sum up to this; 1 is all
    min_length: int  # only whole texts of so many tokens
    max_length: int  # 0 is any
    unique: bool  # none twice
    unlike: Iterable[str]  # none of these


class Drawn(NamedTuple):
    """A text that a model has made up."""

    text: str
    tokens: int  # drawn behind the prompt, the boundary at the end too
    log_probability: float  # of these, as the model has it, whatever of it could be drawn


class Model:
    """A trained model. One thread at a time may use it; models are independent of each other."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Opens a checkpoint, or the best one of a run folder.

        Raises OSError where it cannot be read and DptrainError where it is damaged or none.
        """
        self._handle = ctypes.c_void_p()
        error = Error()
        check(library.dptrain_open(ctypes.byref(self._handle), os.fsencode(path), error), error)
        self._describe()

    def _describe(self) -> None:
        self._is = Description()
        library.dptrain_describe(self._handle, self._is, ctypes.sizeof(self._is))

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            library.dptrain_close(self._handle)
            self._handle = None

    def __repr__(self) -> str:
        return (
            f"<dptrain.Model {self.path}: {self.vocab} {self.unit}s, block {self.block_size}, "
            f"embedding {self._is.embedding_dim}, hidden {self._is.hidden_dim}, step {self.step}>"
        )

    # --- what it is

    path = property(lambda self: os.fsdecode(self._is.path), doc="Of the checkpoint file.")
    unit = property(lambda self: self._is.unit.decode(), doc="'char' or 'word'.")
    is_stream = property(lambda self: bool(self._is.stream), doc="Trained on one running text.")
    vocab = property(lambda self: self._is.vocab, doc="Tokens.")
    block_size = property(lambda self: self._is.block_size, doc="Tokens of context.")
    parameters = property(lambda self: self._is.parameters, doc="Trained numbers.")
    step = property(lambda self: self._is.step, doc="At which the checkpoint was written.")
    weights = property(lambda self: self._is.weights.decode(), doc="Their hash, 'xxh3:...'.")
    build = property(lambda self: self._is.build.decode(), doc="What computed it.")

    @property
    def config(self) -> dict[str, str]:
        """The settings of its run, as {'train.lr': '0.1'}."""
        settings: dict[str, str] = {}
        section = ""
        for line in self._is.config.decode().splitlines():
            line = line.strip()
            if line.startswith("["):
                section = line[1:-1]
            elif "=" in line:
                name, value = line.split("=", 1)
                value = value.strip()
                quoted = len(value) > 1 and value[0] == value[-1] == '"'
                settings[f"{section}.{name.strip()}"] = value[1:-1] if quoted else value
        return settings

    @property
    def tokens(self) -> list[str]:
        """The tokens in the order of their ids."""
        return [library.dptrain_token(self._handle, i).decode() for i in range(self.vocab)]

    @property
    def tensors(self) -> dict[str, npt.NDArray[np.float32]]:
        """Read-only views of C, W1, b1, W2, b2 and Wd, those that the model has.

        They keep the model alive; nothing is copied.
        """
        views: dict[str, npt.NDArray[np.float32]] = {}
        tensor = Tensor()
        size = ctypes.sizeof(tensor)
        while library.dptrain_get_tensor(self._handle, len(views), tensor, size):
            views[tensor.name.decode()] = self._view(tensor)
        return views

    def _view(self, tensor: Tensor) -> npt.NDArray[np.float32]:
        last = (tensor.rows - 1) * tensor.row_stride + (tensor.columns - 1) * tensor.column_stride
        buffer = (ctypes.c_float * (last + 1)).from_address(ctypes.addressof(tensor.values.contents))
        buffer.owner = self  # the memory is the model's
        flat = np.frombuffer(buffer, dtype=np.float32)
        view = np.lib.stride_tricks.as_strided(
            flat,
            shape=(tensor.rows, tensor.columns),
            strides=(4 * tensor.row_stride, 4 * tensor.column_stride),
            writeable=False,
        )
        return view[0] if tensor.rank == 1 else view

    # --- questions

    def encode(self, text: str) -> npt.NDArray[np.uint32]:
        """The ids of a text's tokens; UNKNOWN for what the vocabulary lacks and has no <unk> for."""
        data = text.encode()
        ids = np.zeros(len(data), dtype=np.uint32)
        count = library.dptrain_encode(self._handle, data, len(data), ids.ctypes.data, len(ids), None)
        return ids[:count]

    def score(self, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        """[len(texts)] ln P of each, the end of it counted unless the model is of running text.

        -inf where a token is unknown to the model and has no <unk>.
        """
        return self.score_details(texts)["log_probability"].copy()

    def score_details(self, texts: Sequence[str]) -> npt.NDArray[Any]:
        """As score, with tokens, unknown ones and the sum without them: a structured array."""
        if isinstance(texts, str):
            raise TypeError("texts are a list: [text]")
        data = [text.encode() for text in texts]
        lengths = np.array([len(text) for text in data], dtype=np.uintp)
        scores = np.zeros(len(data), dtype=np.dtype(TextScore))
        error = Error()
        check(
            library.dptrain_score_texts(
                self._handle,
                (ctypes.c_char_p * len(data))(*data),
                lengths.ctypes.data,
                len(data),
                scores.ctypes.data,
                scores.itemsize,
                error,
            ),
            error,
        )
        return scores

    def surprisal(self, text: str) -> list[TokenSurprisal]:
        """Of each token of a text, and of the boundary at its end."""
        data = text.encode()
        scores = (TokenScore * (len(data) + 1))()
        count = ctypes.c_size_t()
        error = Error()
        check(
            library.dptrain_score_tokens(
                self._handle,
                data,
                len(data),
                scores,
                len(scores),
                ctypes.sizeof(TokenScore),
                count,
                error,
            ),
            error,
        )
        return [self._surprisal(data, score) for score in scores[: count.value]]

    def _surprisal(self, data: bytes, score: TokenScore) -> TokenSurprisal:
        if score.id == UNKNOWN:
            token = data[score.begin : score.begin + score.length]
        else:
            token = library.dptrain_token(self._handle, score.id)
        return TokenSurprisal(token.decode(), -score.log_probability, score.rank)

    def distribution(self, context: str | Sequence[int]) -> npt.NDArray[np.float64]:
        """[vocab] probabilities of the token behind a context: a text, or block_size ids."""
        ids = self._context(context)
        probabilities = np.zeros(self.vocab)
        error = Error()
        check(
            library.dptrain_next(self._handle, ids.ctypes.data, probabilities.ctypes.data, error),
            error,
        )
        return probabilities

    def _context(self, context: str | Sequence[int]) -> npt.NDArray[np.uint32]:
        ids = np.zeros(self.block_size, dtype=np.uint32)
        if not isinstance(context, str):
            if len(context) != self.block_size:
                raise DptrainError(f"a context has {self.block_size} ids, not {len(context)}")
            ids[:] = context
            return ids
        data = context.encode()
        error = Error()
        check(
            library.dptrain_context(self._handle, data, len(data), ids.ctypes.data, error), error
        )
        return ids

    def next(self, context: str | Sequence[int], count: int = 10) -> dict[str, float]:
        """The `count` likeliest tokens behind a context and their probabilities, in their order."""
        probabilities = self.distribution(context)
        order = np.argsort(-probabilities, kind="stable")[:count]
        return {
            library.dptrain_token(self._handle, int(i)).decode(): float(probabilities[i])
            for i in order
        }

    def sample(self, n: int = 1, **how: Unpack[How]) -> list[str]:
        """n texts that the model makes up, those of `dptrain sample` with the same seed: see How.

        DptrainError where 100,000 texts in a row would have to be left out.
        """
        return [drawn.text for drawn in self.draw(n, **how)]

    def draw(self, n: int = 1, **how: Unpack[How]) -> list[Drawn]:
        """As sample, each with how likely it is."""
        sampling = Sampling()
        library.dptrain_sampling_init(sampling, ctypes.sizeof(sampling))
        unlike = how.pop("unlike", ())
        for name, value in how.items():
            if name not in How.__annotations__:
                raise TypeError(f"'{name}' is none of {', '.join(How.__annotations__)}")
            setattr(sampling, name, value.encode() if isinstance(value, str) else value)
        drawn, error, texts = CDrawn(), Error(), ctypes.c_void_p()
        check(library.dptrain_texts_create(ctypes.byref(texts), error), error)
        try:
            for text in unlike:
                data = text.encode()
                check(library.dptrain_texts_add(texts, data, len(data), None, error), error)
            sampling.unlike = texts
            result, index = [], 0
            for _ in range(n):
                status = library.dptrain_draw(
                    self._handle, sampling, index, drawn, ctypes.sizeof(drawn), error
                )
                check(status, error)
                result.append(Drawn(drawn.text.decode(), drawn.tokens, drawn.log_probability))
                index = drawn.index + 1
            return result
        finally:
            library.dptrain_texts_destroy(texts)

    def nearest(self, token: str, count: int = 10) -> dict[str, float]:
        """The tokens whose embeddings are closest to that of a token, and the cosines."""
        data = token.encode()
        which = ctypes.c_uint32()
        cosines = np.zeros(self.vocab)
        error = Error()
        check(library.dptrain_find(self._handle, data, len(data), which, error), error)
        check(
            library.dptrain_similarity(self._handle, which, cosines.ctypes.data, error), error
        )
        order = [i for i in np.argsort(-cosines, kind="stable") if i != which.value][:count]
        tokens = self.tokens
        return {tokens[i]: float(cosines[i]) for i in order}

    # --- elsewhere

    def to_torch(self) -> torch.nn.Module:
        """A torch.nn.Module of the same weights: contexts [rows, block_size] to logits [rows, vocab]."""
        from ._torch import make_module

        return make_module(self.tensors)


def load(path: str | os.PathLike[str]) -> Model:
    """Opens a checkpoint, or the best one of a run folder: see Model."""
    return Model(path)


class _Ensemble(Model):
    def __init__(self, models: Sequence[Model], shares: Sequence[float] | None) -> None:
        self._members = list(models)  # which must stay open
        self._handle = ctypes.c_void_p()
        count = len(self._members)
        if shares is not None and len(shares) != count:
            raise DptrainError(f"{len(shares)} shares of {count} models")
        handles = (ctypes.c_void_p * count)(*(model._handle for model in self._members))
        values = None if shares is None else (ctypes.c_double * count)(*shares)
        error = Error()
        check(
            library.dptrain_ensemble(ctypes.byref(self._handle), handles, values, count, error),
            error,
        )
        self._describe()

    def __repr__(self) -> str:
        return f"<dptrain.Model of {len(self._members)}: {self.path}>"


def ensemble(models: Sequence[Model], shares: Sequence[float] | None = None) -> Model:
    """Several models as one: its probabilities are the mean of theirs, in these shares or alike.

    It has no tensors. Its models answer by themselves only while it does not: all of them belong to
    one thread at a time.
    """
    return _Ensemble(models, shares)


def metrics(run: str | os.PathLike[str]) -> pandas.DataFrame:
    """The rows of a run's metrics.csv, by step; what was not evaluated is NaN."""
    import pandas

    return pandas.read_csv(os.path.join(run, "metrics.csv"), index_col="step")
