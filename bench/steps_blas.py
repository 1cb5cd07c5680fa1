"""The loop of plain_step.c, compiled here with `cc` and called through ctypes."""
import ctypes
import pathlib
import subprocess
import tempfile

import numpy as np

SOURCE = pathlib.Path(__file__).resolve().parent / "plain_step.c"
SIZES = ("vocab", "block", "embedding", "hidden", "batch")
TENSORS = ("C", "W1", "b1", "W2", "b2", "e", "h", "p", "de", "dh", "dW1", "db1", "dW2", "db2")
NUMBERS, ONE = np.ctypeslib.ndpointer(np.int32), np.ctypeslib.ndpointer(np.float32)


class Plain(ctypes.Structure):
    """struct plain."""

    _fields_ = [*((name, ctypes.c_int) for name in SIZES), ("lr", ctypes.c_float),
                *((name, ctypes.POINTER(ctypes.c_float)) for name in TENSORS)]


def compiled():
    """The library; its file is gone once it is loaded."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "plain_step.so"
        flags = [subprocess.run(["pkg-config", f"--{kind}", "openblas"], check=True, text=True,
                                stdout=subprocess.PIPE).stdout.split() for kind in ("cflags", "libs")]
        subprocess.run(["cc", "-O3", "-march=native", "-ffast-math", "-shared", "-fPIC", *flags[0],
                        "-o", path, SOURCE, *flags[1], "-lm"], check=True)
        library = ctypes.CDLL(str(path))
    library.plain_train.argtypes = [ctypes.POINTER(Plain), ctypes.c_int, NUMBERS, NUMBERS, ONE]
    library.plain_blas.restype = ctypes.c_char_p
    return library


class PlainStep:
    """Called once a stretch of steps, on rows drawn beforehand."""

    name = "in a plain C loop"

    def __init__(self, contexts, targets, start, spec):
        if spec.get("optimizer", "sgd") != "sgd" or spec.get("dropout"):
            raise ValueError("the plain step is SGD's, without dropout")
        self.contexts, self.targets = contexts.astype(np.int32), targets.astype(np.int32)
        self.parameters = [p.copy() for p in start]
        self.learning_rate = spec["learning_rate"]
        self.library = compiled()
        self.random = np.random.default_rng(1)

    def struct(self, batch):
        """What plain_train takes, and the arrays that it points to."""
        C, W1, _, W2, _ = self.parameters
        inputs, hidden = W1.shape
        room = [np.zeros(shape, np.float32) for shape in (
            (batch, inputs), (batch, hidden), (batch, len(C)), (batch, inputs), (batch, hidden),
            W1.shape, hidden, W2.shape, len(C))]
        arrays = [*self.parameters, *room]
        pointers = [a.ctypes.data_as(ctypes.POINTER(ctypes.c_float)) for a in arrays]
        return Plain(len(C), inputs // C.shape[1], C.shape[1], hidden, batch, self.learning_rate,
                     *pointers), arrays

    def stretch(self, drawn):
        """A function that trains on the rows drawn [steps, batch] and returns their losses."""
        steps, batch = drawn.shape
        rows = self.contexts[drawn], self.targets[drawn]
        losses = np.empty(steps, np.float32)
        struct, arrays = self.struct(batch)

        def go(_arrays=arrays):
            self.library.plain_train(struct, steps, *rows, losses)
            return losses
        return go

    def train(self, drawn):
        return [float(loss) for loss in self.stretch(np.array(drawn))()]

    def ready(self, steps, batch):
        go = self.stretch(self.random.integers(0, len(self.targets), (steps, batch)))
        self.train(self.random.integers(0, len(self.targets), (1, batch)))
        return go


KINDS = {"blas": PlainStep}
