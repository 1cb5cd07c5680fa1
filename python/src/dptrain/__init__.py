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
import operator
import os
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Iterable, Mapping, NamedTuple, Sequence, TypedDict

import numpy as np
import numpy.typing as npt

from ._library import (
    Description,
    DptrainError,
    Drawn as CDrawn,
    Error,
    Sampling,
    State as CState,
    Tensor,
    TextScore,
    TokenScore,
    check,
    encode,
    encode_name,
    library,
    need,
)

if TYPE_CHECKING:
    import pandas
    import torch
    from typing_extensions import Unpack

__all__ = ["DptrainError", "Drawn", "How", "Model", "State", "TokenSurprisal", "ensemble", "load", "metrics"]
__version__: str = library.dptrain_version().decode()

UNKNOWN = 0xFFFFFFFF  # the id of a token that the model knows nothing of


def _whole(value: Any, name: str) -> int:
    """A number of 64 bits, as ctypes takes one of any size and keeps what fits."""
    number = operator.index(value)
    if not 0 <= number < 1 << 64:
        raise DptrainError(f"{name} {number} is not from 0 to 2^64 - 1")
    return number


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


class State:
    """A text on its way, which stays as it is: a token more is a state more. Made by Model.begin."""

    def __init__(self, model: Model, state: CState) -> None:
        self._model = model
        self._state = state
        self._next: npt.NDArray[np.float64] | None = None

    log_probability = property(lambda self: self._state.log_probability, doc="ln P of it so far.")
    tokens = property(lambda self: self._state.tokens, doc="So many.")
    unknown = property(lambda self: self._state.unknown, doc="Of them not in the vocabulary.")

    def next(self) -> npt.NDArray[np.float64]:
        """[vocab] ln P of the token behind it, by id; not to be written to."""
        if self._next is None:
            values, error = np.zeros(self._model.vocab), Error()
            with self._model._alone():
                status = library.dptrain_state_next(
                    self._model._handle, self._state, ctypes.sizeof(CState), 1, values.ctypes.data, error
                )
            check(status, error)
            values.flags.writeable = False
            self._next = values
        return self._next

    def push(self, *ids: int) -> State:
        """The text with these tokens more, those of Model.encode; 0 ends it."""
        text = self
        for token in ids:
            text = text._push(_whole(token, "id"))
        return text

    def _push(self, token: int) -> State:
        if token > UNKNOWN:  # of which the library would see the last 32 bits
            raise DptrainError(f"id {token} is not below the vocabulary's {self._model.vocab}")
        longer, error = CState.from_buffer_copy(self._state), Error()
        known = None if self._next is None else self._next.ctypes.data
        with self._model._alone():
            status = library.dptrain_state_push(
                self._model._handle, longer, ctypes.sizeof(CState), token, known, error
            )
        check(status, error)
        return State(self._model, longer)


class Model:
    """A trained model. Threads may share one, and then wait for each other; models do not.

    A copy of it, also one that is pickled, is its file opened again.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Opens a checkpoint, or the best one of a run folder.

        Raises OSError where it cannot be read and DptrainError where it is damaged or none.
        """
        name = encode_name(os.fsencode(path), "a path")
        self._handle = ctypes.c_void_p()
        self._locks = [threading.Lock()]  # of what is held while the library writes to the model's room
        error = Error()
        check(library.dptrain_open(ctypes.byref(self._handle), name, error), error)
        self._describe()

    def _alone(self) -> ExitStack:
        """A context in which no other thread asks this model."""
        with ExitStack() as held:
            for lock in self._locks:
                held.enter_context(lock)
            return held.pop_all()

    def __reduce__(self) -> tuple[Any, ...]:
        return _open_again, (self.path, self.weights)

    def _describe(self) -> None:
        self._is = Description()
        library.dptrain_describe(self._handle, self._is, ctypes.sizeof(self._is))

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            library.dptrain_close(self._handle)
            self._handle = ctypes.c_void_p()

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
        for line in self._is.config.decode("utf-8", "replace").splitlines():
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
        data = encode(text, "a text")
        ids = np.zeros(len(data), dtype=np.uint32)
        count = library.dptrain_encode(self._handle, data, len(data), ids.ctypes.data, len(ids), None)
        return ids[:count]

    def score(self, texts: Iterable[str]) -> npt.NDArray[np.float64]:
        """[len(texts)] ln P of each, the end of it counted unless the model is of running text.

        -inf where a token is unknown to the model and has no <unk>.
        """
        return self.score_details(texts)["log_probability"].copy()

    def score_details(self, texts: Iterable[str]) -> npt.NDArray[Any]:
        """As score, with tokens, unknown ones and the sum without them: a structured array."""
        if isinstance(texts, str):
            raise TypeError("texts are a list: [text]")
        data = [encode(text, "a text") for text in texts]
        lengths = np.array([len(text) for text in data], dtype=np.uintp)
        scores = np.zeros(len(data), dtype=np.dtype(TextScore))
        error = Error()
        with self._alone():
            status = library.dptrain_score_texts(
                self._handle,
                (ctypes.c_char_p * len(data))(*data),
                lengths.ctypes.data,
                len(data),
                scores.ctypes.data,
                scores.itemsize,
                error,
            )
        check(status, error)
        return scores

    def begin(self) -> State:
        """A text without tokens yet, to be asked and gone on with token by token."""
        state = CState()
        library.dptrain_state_begin(self._handle, state, ctypes.sizeof(state))
        return State(self, state)

    def surprisal(self, text: str) -> list[TokenSurprisal]:
        """Of each token of a text, and of the boundary at its end."""
        data = encode(text, "a text")
        scores = (TokenScore * (len(data) + 1))()
        count = ctypes.c_size_t()
        error = Error()
        with self._alone():
            status = library.dptrain_score_tokens(
                self._handle,
                data,
                len(data),
                scores,
                len(scores),
                ctypes.sizeof(TokenScore),
                count,
                error,
            )
        check(status, error)
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
        with self._alone():
            status = library.dptrain_next(
                self._handle, ids.ctypes.data, probabilities.ctypes.data, error
            )
        check(status, error)
        return probabilities

    def _context(self, context: str | Sequence[int]) -> npt.NDArray[np.uint32]:
        if not isinstance(context, str):
            return self._check_ids(np.asarray(context))
        ids = np.zeros(self.block_size, dtype=np.uint32)
        data = encode(context, "a context")
        error = Error()
        check(
            library.dptrain_context(self._handle, data, len(data), ids.ctypes.data, error), error
        )
        return ids

    def _check_ids(self, ids: npt.NDArray[Any]) -> npt.NDArray[np.uint32]:
        if ids.ndim == 1 and len(ids) != self.block_size:
            raise DptrainError(f"a context has {self.block_size} ids, not {len(ids)}")
        if ids.ndim != 1 or ids.dtype.kind not in "iu":
            raise TypeError(f"a context is a text, or {self.block_size} ids, which are whole numbers")
        wrong = ids[(ids < 0) | (ids >= self.vocab)]
        if len(wrong) > 0:
            raise DptrainError(f"a context: id {wrong[0]} is not below the vocabulary's {self.vocab}")
        return np.ascontiguousarray(ids, dtype=np.uint32)

    def next(self, context: str | Sequence[int], count: int = 10) -> dict[str, float]:
        """The `count` likeliest tokens behind a context and their probabilities, in their order."""
        count = _whole(count, "count")
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
        n = _whole(n, "n")
        unlike = how.pop("unlike", ())
        if isinstance(unlike, str):
            raise TypeError("unlike is a list: [text]")
        sampling = _sampling(how)
        error, texts = Error(), ctypes.c_void_p()
        check(library.dptrain_texts_create(ctypes.byref(texts), error), error)
        try:
            for text in unlike:
                data = encode(text, "a text that is not to be drawn")
                check(library.dptrain_texts_add(texts, data, len(data), None, error), error)
            sampling.unlike = texts
            with self._alone():
                return self._draw(n, sampling)
        finally:
            library.dptrain_texts_destroy(texts)

    def _draw(self, n: int, sampling: Sampling) -> list[Drawn]:
        drawn, error = CDrawn(), Error()
        result: list[Drawn] = []
        index = 0
        for _ in range(n):
            status = library.dptrain_draw(
                self._handle, sampling, index, drawn, ctypes.sizeof(drawn), error
            )
            check(status, error)
            result.append(Drawn(drawn.text.decode(), drawn.tokens, drawn.log_probability))
            index = drawn.index + 1
        return result

    def nearest(self, token: str, count: int = 10) -> dict[str, float]:
        """The tokens whose embeddings are closest to that of a token, and the cosines."""
        data = encode(token, "a token")
        count = _whole(count, "count")
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
        tensors = self._need_tensors()
        need("torch")
        from ._torch import make_module

        return make_module(tensors)

    def write(self, path: str | os.PathLike[str], tensors: Mapping[str, Any]) -> None:
        """Writes a checkpoint like that of this model, with other weights.

        They have the names and shapes of `tensors` and are arrays of floats of any size, or tensors of PyTorch, as
        those of to_torch().state_dict(). The checkpoint stands at step 0 and says that it was imported;
        train.init_from, and all that asks a model, takes it. DptrainError names what does not fit.
        """
        values = self._fit(tensors, "tensors")
        pointers = (ctypes.c_void_p * len(values))(*(value.ctypes.data for value in values))
        name = encode_name(os.fsencode(path), "a path")
        error = Error()
        check(library.dptrain_import(self._handle, pointers, len(values), name, error), error)

    def _need_tensors(self) -> dict[str, npt.NDArray[np.float32]]:
        tensors = self.tensors
        if not tensors:
            raise DptrainError("an ensemble has no tensors")
        return tensors

    def _fit(self, tensors: Mapping[str, Any], what: str) -> list[npt.NDArray[np.float32]]:
        """Those of `tensors` in the order of the model's; what does not fit is named in one line."""
        own = self._need_tensors()
        wrong = [f"no {name}" for name in own if name not in tensors]
        wrong += [f"{name} is none of {' '.join(own)}" for name in tensors if name not in own]
        values = {name: _floats(tensors[name]) for name in own if name in tensors}
        for name, value in values.items():
            if value.shape != own[name].shape:
                wrong.append(f"{name} is {list(value.shape)}, not {list(own[name].shape)}")
            elif value.dtype != np.float32:
                wrong.append(f"{name} is of {value.dtype}, not of floats")
            elif not np.isfinite(value).all():
                wrong.append(f"{name} has values that are not finite")
        if wrong:
            raise DptrainError(f"{what}: not the weights of a model like {self.path}: {'; '.join(wrong)}")
        return list(values.values())


def _floats(value: Any) -> npt.NDArray[Any]:
    """As float32, row-major, where they are floats."""
    if hasattr(value, "detach"):  # of PyTorch
        value = value.detach().cpu().numpy()
    array = np.asarray(value)
    if array.dtype.kind != "f" and array.dtype.name != "bfloat16":
        return array
    with np.errstate(over="ignore"):  # what is too large becomes infinite
        return np.ascontiguousarray(array, dtype=np.float32)


def _sampling(how: Mapping[str, Any]) -> Sampling:
    sampling = Sampling()
    library.dptrain_sampling_init(sampling, ctypes.sizeof(sampling))
    for name, value in how.items():
        if name not in How.__annotations__:
            raise TypeError(f"'{name}' is none of {', '.join(How.__annotations__)}")
        if name == "prompt":
            value = encode_name(encode(value, name), name)
        elif name == "unique":
            value = bool(value)
        elif name not in ("temperature", "top_p"):
            value = _whole(value, name)
        setattr(sampling, name, value)
    return sampling


def _open_again(path: str, weights: str) -> Model:
    model = Model(path)
    if model.weights != weights:
        raise DptrainError(f"{path} has other weights than the model that this is a copy of")
    return model


def load(path: str | os.PathLike[str]) -> Model:
    """Opens a checkpoint, or the best one of a run folder: see Model."""
    return Model(path)


class _Ensemble(Model):
    def __init__(self, models: Sequence[Model], shares: Sequence[float] | None) -> None:
        self._members = list(models)  # which must stay open
        for model in self._members:
            if not isinstance(model, Model):
                raise TypeError(f"an ensemble is of models, not of {type(model).__name__}")
        locks = {lock for model in self._members for lock in model._locks} | {threading.Lock()}
        self._locks = sorted(locks, key=id)  # in one order, so that no two threads wait for each other
        self._shares = shares
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

    def __reduce__(self) -> tuple[Any, ...]:
        return ensemble, (self._members, self._shares)

    def __repr__(self) -> str:
        return f"<dptrain.Model of {len(self._members)}: {self.path}>"


def ensemble(models: Sequence[Model], shares: Sequence[float] | None = None) -> Model:
    """Several models as one: its probabilities are the mean of theirs, in these shares or alike.

    It has no tensors. Its models answer by themselves only while it does not: threads wait.
    """
    return _Ensemble(models, shares)


def metrics(run: str | os.PathLike[str]) -> pandas.DataFrame:
    """The rows of a run's metrics.csv, by step; what was not evaluated is NaN."""
    table: pandas.DataFrame = need("pandas").read_csv(
        os.path.join(run, "metrics.csv"), index_col="step"
    )
    return table
