"""Weights that come back: what is imported is asked, evaluated and trained on as any other checkpoint, and what
does not fit is named in one line and leaves nothing behind."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import dptrain
from dptrain import export, weights

RUN = os.environ["RUN"]
BIN = os.environ["BIN"]


def ask(*arguments):
    return subprocess.run(
        [os.path.join(BIN, "dptrain"), *map(str, arguments)], capture_output=True, text=True, check=True
    ).stdout


def import_by_command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "dptrain", "import", *map(str, arguments)], capture_output=True, text=True
    )


@pytest.fixture
def model():
    return dptrain.load(RUN)


@pytest.fixture
def tensors(model):
    return {name: np.array(value) for name, value in model.tensors.items()}


def test_what_is_not_changed_comes_back_with_its_hash(model, tmp_path):
    endings = ["npz"]
    try:
        import safetensors  # noqa: F401

        endings.append("safetensors")
    except ImportError:
        print("without safetensors")
    for ending in endings:
        file, start = tmp_path / f"weights.{ending}", tmp_path / f"{ending}.h5"
        export.to_file(model, file)
        done = import_by_command(file, "--like", RUN, "-o", start)
        assert (done.returncode, done.stdout, done.stderr) == (0, f"{start}\n", "")
        imported = dptrain.load(start)
        assert imported.weights == model.weights
        assert imported.tokens == model.tokens and imported.config == model.config
        assert (imported.score(["emma", "xqzk"]) == model.score(["emma", "xqzk"])).all()


def test_what_it_is_is_said(model, tensors, tmp_path):
    model.write(tmp_path / "start.h5", tensors)
    info = json.loads(ask("info", tmp_path / "start.h5", "--json"))
    assert info["weights"] == model.weights and info["step"] == 0
    assert info["build"] == f"imported by dptrain {dptrain.__version__}"
    assert "imported by dptrain" in ask("info", tmp_path / "start.h5")


def train_on(start, folder, steps):
    """A run from these weights, and the loss of dev before it and behind it."""
    before = json.loads(ask("eval", "--ckpt", start, "--split", "dev", "--json"))
    ask("small.ini", f"train.init_from={start}", f"run.dir={folder}", f"train.steps={steps}", "eval.every=50")
    after = json.loads(ask("eval", "--ckpt", folder, "--split", "dev", "--json"))
    return before["splits"]["dev"]["loss"], after["splits"]["dev"]["loss"]


def test_training_goes_on_from_other_weights(model, tensors, tmp_path):
    rng = np.random.default_rng(1)
    for name in tensors:
        tensors[name] = rng.normal(0.0, 0.1, tensors[name].shape)  # float64
    model.write(tmp_path / "start.h5", tensors)
    imported = dptrain.load(tmp_path / "start.h5")
    for name, value in imported.tensors.items():
        assert (value == tensors[name].astype(np.float32)).all()
    before, after = train_on(tmp_path / "start.h5", tmp_path / "run", 300)
    assert before == pytest.approx(np.log(27), abs=0.2) and after < before - 0.3


def test_training_goes_on_behind_a_step_of_pytorch(model, tmp_path):
    torch = pytest.importorskip("torch")
    save_file = pytest.importorskip("safetensors.torch").save_file
    network = model.to_torch()
    contexts = torch.tensor([[0, 0, 5], [0, 5, 13], [5, 13, 13]])
    loss = torch.nn.functional.cross_entropy(network(contexts), torch.tensor([5, 13, 1]))
    loss.backward()
    torch.optim.SGD(network.parameters(), lr=0.1).step()
    save_file(network.state_dict(), tmp_path / "weights.safetensors")  # as PyTorch's users do, without tokens
    done = import_by_command(tmp_path / "weights.safetensors", "--like", RUN, "-o", tmp_path / "start.h5")
    assert done.returncode == 0, done.stderr
    imported = dptrain.load(tmp_path / "start.h5")
    found = np.log([imported.distribution(row.tolist()) for row in contexts])
    expected = torch.log_softmax(network(contexts), 1).detach().numpy()
    assert found == pytest.approx(expected, abs=1e-5)
    assert imported.weights != model.weights
    before, after = train_on(tmp_path / "start.h5", tmp_path / "run", 100)
    assert abs(after - before) < 0.2
    model.write(tmp_path / "direct.h5", dict(network.named_parameters()))  # and without a file between
    assert dptrain.load(tmp_path / "direct.h5").weights == imported.weights


def test_what_does_not_fit_is_named_in_one_line(model, tensors, tmp_path):
    wrong = dict(tensors)
    del wrong["W1"]
    wrong["W3"] = np.zeros(3, np.float32)
    wrong["C"] = np.zeros((27, 4), np.float32)
    wrong["b1"] = np.full(24, np.nan)
    wrong["b2"] = np.zeros(27, np.int64)
    np.savez(tmp_path / "wrong.npz", **wrong)
    refused = import_by_command(tmp_path / "wrong.npz", "--like", RUN, "-o", tmp_path / "start.h5")
    assert refused.returncode == 2 and refused.stdout == ""
    assert refused.stderr == (
        f"dptrain: {tmp_path}/wrong.npz: not the weights of a model like {model.path}: no W1; "
        "W3 is none of C W1 b1 W2 b2; C is [27, 4], not [27, 5]; b1 has values that are not finite; "
        "b2 is of int64, not of floats\n"
    )
    with pytest.raises(dptrain.DptrainError, match="C has values that are not finite"):
        model.write(tmp_path / "start.h5", dict(tensors, C=np.full((27, 5), 1e300)))
    assert os.listdir(tmp_path) == ["wrong.npz"]


def test_other_tokens_are_refused(model, tensors, tmp_path):
    tokens = list(model.tokens)
    tokens[3], tokens[4] = tokens[4], tokens[3]
    np.savez(tmp_path / "w.npz", tokens=np.array(tokens), **tensors)
    with pytest.raises(dptrain.DptrainError, match="from id 3 on 'd' 'c' 'e' 'f' 'g' ..., not 'c' 'd' 'e' 'f' 'g' ..."):
        weights.to_checkpoint(tmp_path / "w.npz", model, tmp_path / "start.h5")
    assert not (tmp_path / "start.h5").exists()


def test_files_that_are_none(model, tmp_path):
    (tmp_path / "text.npz").write_text("hello")
    (tmp_path / "empty.npz").write_text("")
    with open(tmp_path / "one.npz", "wb") as file:
        np.save(file, np.zeros(3))
    objects = np.array([{"a": 1}, None], dtype=object)
    np.savez(tmp_path / "objects.npz", C=objects)  # pickled: may run anything, so it is not read
    export.to_file(model, tmp_path / "whole.npz")
    whole = (tmp_path / "whole.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "bent.npz").write_bytes(whole[:200] + bytes([whole[200] ^ 255]) + whole[201:])
    for name in "text", "empty", "one", "objects", "cut", "bent":
        with pytest.raises(dptrain.DptrainError, match=f"{name}.npz: no .npz that NumPy reads"):
            weights.read(tmp_path / f"{name}.npz")
    with pytest.raises(FileNotFoundError, match="none.npz"):
        weights.read(tmp_path / "none.npz")
    with pytest.raises(IsADirectoryError):
        (tmp_path / "folder.npz").mkdir()
        weights.read(tmp_path / "folder.npz")
    with pytest.raises(dptrain.DptrainError, match="ends with none of .safetensors .npz"):
        weights.read(tmp_path / "weights.pt")


def test_damaged_safetensors(model, tmp_path):
    pytest.importorskip("safetensors")
    from safetensors.numpy import save

    export.to_file(model, tmp_path / "whole.safetensors")
    whole = (tmp_path / "whole.safetensors").read_bytes()
    tokens = save({"C": np.zeros(3, np.float32)}, metadata={"tokens": "no JSON"})
    for name, content in ("cut", whole[:-100]), ("text", b"hello"), ("empty", b""), ("tokens", tokens):
        (tmp_path / f"{name}.safetensors").write_bytes(content)
        with pytest.raises(dptrain.DptrainError, match=f"{name}.safetensors: no safetensors that NumPy reads"):
            weights.read(tmp_path / f"{name}.safetensors")


def test_halves_become_whole(model, tmp_path):
    pytest.importorskip("safetensors")
    header = json.dumps({"b2": {"dtype": "BF16", "shape": [27], "data_offsets": [0, 54]}}).encode()
    (tmp_path / "half.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + 27 * b"\x80\x3f")
    try:  # NumPy knows bfloat16 by a package alone
        values = weights.read(tmp_path / "half.safetensors").tensors["b2"]
    except dptrain.DptrainError as error:
        assert "half.safetensors: no safetensors that NumPy reads: " in str(error)
        values = np.ones(27, np.float16)
    model.write(tmp_path / "start.h5", dict(model.tensors, b2=values))
    assert (dptrain.load(tmp_path / "start.h5").tensors["b2"] == 1.0).all()


def test_where_it_is_written(model, tensors, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(dptrain.DptrainError, match="notes.txt"):
        model.write(tmp_path / "notes.txt", tensors)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    with pytest.raises(OSError, match="nowhere"):
        model.write(tmp_path / "nowhere" / "start.h5", tensors)
    with pytest.raises(dptrain.DptrainError, match="the name says step 5"):
        model.write(tmp_path / "step-00000005.h5", tensors)
    with pytest.raises(dptrain.DptrainError, match="an ensemble has no tensors"):
        dptrain.ensemble([model]).write(tmp_path / "start.h5", tensors)
    assert os.listdir(tmp_path) == ["notes.txt"]
