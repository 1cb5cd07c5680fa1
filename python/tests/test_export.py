"""What is exported is read again by the tools that it is for."""

import os
import subprocess
import sys

import numpy as np
import pytest

import dptrain
from dptrain import export

RUN = os.environ["RUN"]
CONTEXTS = [[0, 0, 5], [0, 5, 13], [5, 13, 13]]


@pytest.fixture
def model():
    return dptrain.load(RUN)


def expected(model):
    return np.log([model.distribution(row) for row in CONTEXTS])


def log_softmax(logits):
    logits = logits - logits.max(1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(1, keepdims=True))


def test_npz(model, tmp_path):
    export.to_file(model, tmp_path / "model.npz")
    with np.load(tmp_path / "model.npz") as file:
        assert list(file["tokens"]) == model.tokens
        for name, value in model.tensors.items():
            assert (file[name] == value).all()
    assert os.listdir(tmp_path) == ["model.npz"]


def test_safetensors(model, tmp_path):
    pytest.importorskip("safetensors")
    from safetensors import safe_open

    export.to_file(model, tmp_path / "model.safetensors")
    with safe_open(tmp_path / "model.safetensors", "numpy") as file:
        assert file.metadata()["weights"] == model.weights
        for name, value in model.tensors.items():
            assert (file.get_tensor(name) == value).all()


def test_onnx(model, tmp_path):
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    export.to_file(model, tmp_path / "model.onnx")
    session = runtime.InferenceSession(tmp_path / "model.onnx")
    (logits,) = session.run(None, {"contexts": np.array(CONTEXTS, dtype=np.int64)})
    assert log_softmax(logits) == pytest.approx(expected(model), abs=1e-5)


def test_word2vec(model, tmp_path):
    export.to_file(model, tmp_path / "embeddings.txt")
    lines = (tmp_path / "embeddings.txt").read_text().splitlines()
    features = model.tensors["C"]
    assert lines[0] == f"{features.shape[0]} {features.shape[1]}"
    for line, token, row in zip(lines[1:], model.tokens, features):
        name, *values = line.split(" ")
        assert name == token
        assert (np.array(values, dtype=np.float32) == row).all()


def test_a_run_begins_with_word2vec(model, tmp_path):
    """The very bits, also of tokens that are blanks, and in the rows that the other dataset has for them."""
    names = ["anna bo", "emma\tlu", "zo\u00a0e", "olivia", "ava", "mia", "\u00e9va", "isla", "noa", "kim"]
    program = os.path.join(os.environ["BIN"], "dptrain")

    def begin(text, *keys):
        (tmp_path / text).write_text("".join(f"{name}\n" for name in (names if text == "a.txt" else names[::-1])))
        subprocess.run([os.path.join(os.environ["BIN"], "pack_dataset"), text, "--split", "1,0,0"], cwd=tmp_path, check=True)
        keys = [f"data.path={text[0]}.h5", f"run.dir={text[0]}", "model.embedding_dim=5", "--stop-at", "0", *keys]
        (tmp_path / "c.ini").write_text("[train]\nsteps = 1\n")
        subprocess.run([program, "c.ini", *keys], cwd=tmp_path, check=True)
        return dptrain.load(tmp_path / text[0])

    first = begin("a.txt")
    assert {" ", "\t", "\u00a0", "\u00e9"} <= set(first.tokens)
    export.to_file(first, tmp_path / "embeddings.txt")
    again = begin("b.txt", "train.init_embeddings=embeddings.txt", "train.seed=7")
    assert sorted(again.tokens) == sorted(first.tokens)
    for token, row in zip(again.tokens, again.tensors["C"]):
        assert (row.view(np.uint32) == first.tensors["C"][first.tokens.index(token)].view(np.uint32)).all(), token
    assert not (again.tensors["W1"] == first.tensors["W1"]).any()


def test_tensorboard(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = tmp_path / "run"
    run.mkdir()
    (run / "metrics.csv").write_text("step,loss,dev_loss,weights\n10,2.5,,xxh3:0\n20,2.25,2.75,xxh3:1\n")
    for _ in range(2):  # a second time it is written anew
        assert export.to_tensorboard([tmp_path]) == [run / "tensorboard"]
    events = EventAccumulator(str(run / "tensorboard"))
    events.Reload()
    assert [(e.step, e.value) for e in events.Scalars("loss")] == [(10, 2.5), (20, 2.25)]
    assert [(e.step, e.value) for e in events.Scalars("dev_loss")] == [(20, 2.75)]


def test_the_command(tmp_path):
    def call(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "dptrain", *map(str, arguments)], capture_output=True, text=True
        )

    done = call("export", RUN, tmp_path / "e.txt")
    assert (done.returncode, done.stdout) == (0, f"{tmp_path}/e.txt\n")
    wrong = call("export", RUN, tmp_path / "model.pt")
    assert wrong.returncode == 2 and "ends with none of .safetensors .onnx .npz .txt" in wrong.stderr
    missing = call("export", tmp_path / "nowhere", tmp_path / "e.txt")
    assert missing.returncode == 3 and "nowhere" in missing.stderr
    none = call("tensorboard", tmp_path)
    assert none.returncode == 2 and "holds no run" in none.stderr
