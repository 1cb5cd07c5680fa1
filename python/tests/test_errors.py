"""Wrong arguments, files and surroundings: an exception of the fitting class that says what is wrong, and never a
crash."""

import copy
import os
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest

import dptrain
from dptrain import export

RUN = os.environ["RUN"]


@pytest.fixture
def model():
    return dptrain.load(RUN)


WRONG = [
    (TypeError, "a text is a str, not bytes", lambda m: m.score([b"emma"])),
    (TypeError, "a text is a str, not int", lambda m: m.score(b"emma")),
    (TypeError, "a text is a str, not NoneType", lambda m: m.score_details(["emma", None])),
    (TypeError, "texts are a list", lambda m: m.score("emma")),
    (TypeError, "not iterable", lambda m: m.score(None)),
    (dptrain.DptrainError, "a text is no Unicode text", lambda m: m.score(["\ud800"])),
    (TypeError, "a text is a str, not int", lambda m: m.surprisal(3)),
    (TypeError, "a text is a str, not bytes", lambda m: m.encode(b"em")),
    (TypeError, "a context is a text, or 3 ids", lambda m: m.next(b"emm")),
    (TypeError, "a context is a text, or 3 ids", lambda m: m.next(None)),
    (TypeError, "a context is a text, or 3 ids", lambda m: m.next([0.5, 1.0, 2.0])),
    (TypeError, "a context is a text, or 3 ids", lambda m: m.next([[0, 1, 2]])),
    (dptrain.DptrainError, "a context has 3 ids, not 0", lambda m: m.next([])),
    (dptrain.DptrainError, "id -1 is not below the vocabulary's 27", lambda m: m.distribution([0, 0, -1])),
    (dptrain.DptrainError, "id 27 is not below", lambda m: m.distribution(np.array([0, 0, 27]))),
    (dptrain.DptrainError, "id 4294967296 is not below", lambda m: m.distribution([0, 0, 1 << 32])),
    (dptrain.DptrainError, "count -1 is not from 0", lambda m: m.next("em", -1)),
    (TypeError, "integer", lambda m: m.next("em", 1.5)),
    (dptrain.DptrainError, "count -1 is not from 0", lambda m: m.nearest("e", -1)),
    (TypeError, "a token is a str, not int", lambda m: m.nearest(5)),
    (dptrain.DptrainError, "'em' is not in the vocabulary", lambda m: m.nearest("em")),
    (dptrain.DptrainError, "n -1 is not from 0", lambda m: m.sample(-1)),
    (TypeError, "integer", lambda m: m.sample("3")),
    (dptrain.DptrainError, "seed -1 is not from 0 to 2", lambda m: m.sample(1, seed=-1)),
    (dptrain.DptrainError, "is not from 0 to 2", lambda m: m.sample(1, seed=1 << 64)),
    (TypeError, "integer", lambda m: m.sample(1, seed=0.5)),
    (dptrain.DptrainError, "top_k -1 is not from 0", lambda m: m.sample(1, top_k=-1)),
    (dptrain.DptrainError, "top_p 2 is not from 0 to 1", lambda m: m.sample(1, top_p=2)),
    (dptrain.DptrainError, "temperature nan", lambda m: m.sample(1, temperature=float("nan"))),
    (TypeError, None, lambda m: m.sample(1, temperature="hot")),
    (TypeError, "prompt is a str, not int", lambda m: m.sample(1, prompt=4711)),  # no address
    (TypeError, "prompt is a str, not NoneType", lambda m: m.sample(1, prompt=None)),
    (dptrain.DptrainError, "prompt has a zero byte", lambda m: m.sample(1, prompt="em\0x")),
    (dptrain.DptrainError, "'Ä' is not in the vocabulary", lambda m: m.sample(1, prompt="Ä")),
    (TypeError, "unlike is a list", lambda m: m.sample(1, unlike="emma")),
    (TypeError, "a text that is not to be drawn is a str, not int", lambda m: m.sample(1, unlike=[1])),
    (TypeError, "'colour' is none of seed", lambda m: m.draw(1, colour="red")),
    (dptrain.DptrainError, "id -1 is not from 0", lambda m: m.begin().push(-1)),
    (dptrain.DptrainError, "id 4294967296 is not below", lambda m: m.begin().push(1 << 32)),
    (dptrain.DptrainError, "id 27 is not below", lambda m: m.begin().push(27)),
    (TypeError, "integer", lambda m: m.begin().push(0.5)),
    (TypeError, "integer", lambda m: m.begin().push("e")),
    (TypeError, "an ensemble is of models, not of str", lambda m: dptrain.ensemble([m, RUN])),
    (TypeError, None, lambda m: dptrain.ensemble([m], ["much"])),
    (dptrain.DptrainError, "share -1 of", lambda m: dptrain.ensemble([m], [-1])),
    (dptrain.DptrainError, "an ensemble has no tensors", lambda m: dptrain.ensemble([m]).to_torch()),
    (dptrain.DptrainError, "an ensemble has no tensors", lambda m: export.to_file(dptrain.ensemble([m]), "e.npz")),
    (TypeError, None, lambda m: dptrain.load(None)),
    (TypeError, None, lambda m: dptrain.load(3)),
    (dptrain.DptrainError, "a path has a zero byte", lambda m: dptrain.load(RUN + "\0")),
    (FileNotFoundError, "nowhere", lambda m: dptrain.metrics("nowhere")),
    (FileNotFoundError, "nowhere/e.npz", lambda m: export.to_file(m, "nowhere/e.npz")),
]


@pytest.mark.parametrize("kind, message, call", WRONG, ids=[str(i) for i in range(len(WRONG))])
def test_a_wrong_argument(model, kind, message, call):
    if "metrics" in call.__code__.co_names:
        pytest.importorskip("pandas")
    with pytest.raises(kind, match=message):
        call(model)
    assert model.score(["emma"])[0] < 0.0  # and goes on


def test_nothing_is_no_mistake(model):
    assert model.score([]).shape == (0,) and model.sample(0) == [] and model.next("em", 0) == {}
    assert len(model.encode("")) == 0 and [part.token for part in model.surprisal("")] == ["."]
    assert model.score(text for text in ["emma"]) == model.score(["emma"])
    assert model.score(["em\0ma"])[0] == -np.inf  # an unknown character like others


def test_a_copy_is_a_model_of_its_own(model):
    for other in copy.copy(model), copy.deepcopy(model), pickle.loads(pickle.dumps(model)):
        assert other._handle.value != model._handle.value
        assert other.weights == model.weights and (other.score(["emma"]) == model.score(["emma"])).all()
    both = dptrain.ensemble([model, model], [1, 3])
    again = pickle.loads(pickle.dumps(both))
    assert again.score(["emma"]) == both.score(["emma"])


def test_a_copy_of_what_is_there_no_more(model, tmp_path):
    tensors = {name: np.array(value) for name, value in model.tensors.items()}
    model.write(tmp_path / "a.h5", tensors)
    kept = pickle.dumps(dptrain.load(tmp_path / "a.h5"))
    model.write(tmp_path / "a.h5", dict(tensors, b2=tensors["b2"] + 1))
    with pytest.raises(dptrain.DptrainError, match="a.h5 has other weights than the model that this is a copy of"):
        pickle.loads(kept)


def test_threads_may_share_a_model(model):
    other = dptrain.ensemble([model, dptrain.load(RUN)])
    texts = ["emma", "olivia", "ava"] * 100
    expected = model.score(texts), model.sample(20, seed=3), other.score(texts)
    failures = []

    def work(i):
        for _ in range(10):
            found = model.score(texts), model.sample(20, seed=3), other.score(texts)
            if not ((found[0] == expected[0]).all() and found[1] == expected[1] and (found[2] == expected[2]).all()):
                failures.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def run(*arguments, **environment):
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )


# Of a Python in which none of these is installed.
WITHOUT = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("pandas", "torch", "onnx", "safetensors", "tensorboard"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
"""


@pytest.mark.parametrize("module", ["pandas", "torch", "onnx", "safetensors", "tensorboard"])
def test_what_is_not_installed_is_named_with_what_to_do(module, tmp_path):
    call = {
        "pandas": "dptrain.metrics(RUN)",
        "torch": "dptrain.load(RUN).to_torch()",
        "onnx": "export.to_file(dptrain.load(RUN), sys.argv[1] + '/m.onnx')",
        "safetensors": "export.to_file(dptrain.load(RUN), sys.argv[1] + '/m.safetensors')",
        "tensorboard": "export.to_tensorboard([__import__('pathlib').Path(RUN)])",
    }[module]
    program = f"{WITHOUT}\nimport os, dptrain\nfrom dptrain import export\nRUN = os.environ['RUN']\n{call}\n"
    failed = run("-c", program, tmp_path)
    assert failed.returncode == 1
    assert f"ModuleNotFoundError: {module} is not installed: pip install {module}" in failed.stderr
    assert os.listdir(tmp_path) == []


def test_a_missing_or_foreign_library_is_said(tmp_path):
    missing = run("-c", "import dptrain", DPTRAIN_LIBRARY=str(tmp_path / "none.so"))
    assert "ImportError: no libdptrain of this package" in missing.stderr and "pip install ./python" in missing.stderr
    foreign = run("-c", "import dptrain", DPTRAIN_LIBRARY="libc.so.6")
    assert "ImportError: no libdptrain of this package" in foreign.stderr and "dptrain_version" in foreign.stderr


def test_what_the_command_says(tmp_path):
    def ends(*arguments, **streams):
        done = subprocess.run([sys.executable, "-m", "dptrain", *map(str, arguments)], text=True, **streams)
        return done.returncode, done.stderr

    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "metrics.csv").write_text("step,loss\n10,2.5\n20\n")
    pytest.importorskip("tensorboard")
    assert ends("tensorboard", tmp_path, **streams) == (
        2,
        f"dptrain: {tmp_path}/run/metrics.csv:3: no line of metrics: another number of columns than the first line\n",
    )
    assert not (tmp_path / "run" / "tensorboard").exists()
    (tmp_path / "run" / "metrics.csv").write_text("loss\n2.5\n")
    assert "no column 'step'" in ends("tensorboard", tmp_path, **streams)[1]


def test_an_output_that_nobody_reads(tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        done = subprocess.run(
            [sys.executable, "-m", "dptrain", "export", RUN, tmp_path / "e.txt"],
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert (done.returncode, done.stderr) == (0, "")
    assert os.listdir(tmp_path) == ["e.txt"]
    if os.path.exists("/dev/full"):
        with open("/dev/full", "w") as full:
            done = subprocess.run(
                [sys.executable, "-m", "dptrain", "export", RUN, tmp_path / "e.txt"],
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
            )
        assert done.returncode == 3 and "No space left" in done.stderr and "Traceback" not in done.stderr
