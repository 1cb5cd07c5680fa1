"""The Python package against the program that trained the model. RUN is its run folder and BIN the
folder of the programs."""

import json
import math
import os
import subprocess
import threading

import numpy as np
import pytest

import dptrain

RUN = os.environ["RUN"]
BIN = os.environ["BIN"]


def ask(*arguments, text=None):
    return subprocess.run(
        [os.path.join(BIN, "dptrain"), *arguments], input=text, capture_output=True, text=True, check=True
    ).stdout


@pytest.fixture
def model():
    return dptrain.load(RUN)


def test_a_model_is_described(model):
    info = json.loads(ask("info", RUN, "--json"))
    assert model.weights == info["weights"]
    assert model.step == info["step"]
    assert model.unit == "char" and not model.is_stream
    assert len(model.tokens) == model.vocab == 27
    assert model.config["model.hidden_dim"] == "24"
    assert dptrain.__version__ in repr(dptrain) or dptrain.__version__.count(".") == 2
    assert "char" in repr(model)


def test_scores_are_those_of_the_command(model):
    texts = ["emma", "xqzk", "", "Ä"]
    lines = ask("score", "--ckpt", RUN, "--format", "jsonl", text="\n".join(texts) + "\n")
    expected = [json.loads(line) for line in lines.splitlines()]
    scores = model.score(texts)
    for score, line in zip(scores[:3], expected):
        assert score == line["log_probability"]
    assert scores[3] == -math.inf
    details = model.score_details(texts)
    assert list(details["tokens"]) == [5, 5, 1, 2]
    assert list(details["unknown"]) == [0, 0, 0, 1]
    with pytest.raises(TypeError):
        model.score("emma")


def test_states_have_the_bits_of_scores(model):
    begun = model.begin()
    assert (begun.log_probability, begun.tokens) == (0.0, 0)
    whole = begun.push(*model.encode("emma"), 0)
    assert whole.log_probability == model.score(["emma"])[0]
    assert whole.tokens == 5
    text = begun.push(*model.encode("em"))
    known = text.next()
    assert np.exp(known) == pytest.approx(model.distribution("em"), abs=1e-12)
    ways = [text.push(id) for id in range(model.vocab)]  # by what next has said
    assert [way.log_probability for way in ways] == list(text.log_probability + known)
    fresh = begun.push(*model.encode("em"))
    assert fresh.push(1).log_probability == ways[1].log_probability
    assert text.tokens == 2
    assert begun.push(dptrain.UNKNOWN).unknown == 1
    with pytest.raises(dptrain.DptrainError):
        begun.push(model.vocab)


def test_surprisals_sum_up(model):
    parts = model.surprisal("emma")
    assert [part.token for part in parts] == ["e", "m", "m", "a", "."]
    assert sum(part.surprisal for part in parts) == pytest.approx(-model.score(["emma"])[0], abs=1e-12)
    assert model.surprisal("Ä")[0] == ("Ä", math.inf, 0)


def test_what_comes_next(model):
    expected = json.loads(ask("predict", RUN, "em", "--json", "-n", "3"))["next"]
    found = model.next("em", 3)
    assert list(found) == [entry["token"] for entry in expected]
    assert model.distribution("em").sum() == pytest.approx(1.0, abs=1e-12)
    ids = [0] * (model.block_size - 2) + list(model.encode("em"))
    assert (model.distribution(ids) == model.distribution("em")).all()
    with pytest.raises(dptrain.DptrainError, match="is not in the vocabulary"):
        model.next("Ä")
    with pytest.raises(dptrain.DptrainError, match="a context has"):
        model.next([0])
    with pytest.raises(dptrain.DptrainError, match="is not below the vocabulary's 27"):
        model.next([99] * model.block_size)


def test_an_ensemble_is_the_mean(model):
    other = dptrain.load(os.path.join(RUN, "checkpoints", sorted(os.listdir(os.path.join(RUN, "checkpoints")))[0]))
    both = dptrain.ensemble([model, other], [3, 1])
    for context in "", "em", "zzz":
        expected = 0.75 * model.distribution(context) + 0.25 * other.distribution(context)
        np.testing.assert_allclose(both.distribution(context), expected, rtol=1e-6)
    one = dptrain.ensemble([model])
    texts = ["emma", "olivia", "x"]
    assert (one.score(texts) == model.score(texts)).all()
    assert both.tensors == {} and both.block_size == model.block_size and "of 2" in repr(both)
    with pytest.raises(dptrain.DptrainError, match="an ensemble has no features"):
        both.nearest("e")
    with pytest.raises(dptrain.DptrainError, match="1 shares of 2 models"):
        dptrain.ensemble([model, other], [1])
    with pytest.raises(dptrain.DptrainError, match="of no model"):
        dptrain.ensemble([])


def test_samples_are_those_of_the_command(model):
    assert model.sample(5, seed=7, temperature=0.8) == ask(
        "sample", RUN, "-n", "5", "--seed", "7", "--temperature", "0.8"
    ).splitlines()
    assert model.sample(1, prompt="em")[0].startswith("em")
    narrow = {"seed": 3, "top_k": 5, "top_p": 0.9, "min_length": 4, "max_length": 6, "unique": True}
    options = [f"--{name.replace('_', '-')}={value}" for name, value in narrow.items() if name != "unique"]
    assert model.sample(50, **narrow) == ask("sample", RUN, "-n", "50", "--unique", *options).split("\n")[:-1]


def test_samples_leave_out_what_is_known(model):
    known = model.sample(100)
    assert not set(known) & set(model.sample(100, unlike=known))
    with pytest.raises(dptrain.DptrainError, match="of 100,000 texts drawn"):
        model.sample(2, temperature=0, unique=True)
    with pytest.raises(TypeError, match="'topk' is none of seed, "):
        model.sample(1, topk=3)


def test_draws_say_how_likely_they_are(model):
    drawn = model.draw(20, temperature=0.5, top_k=4)
    assert [each.text for each in drawn] == model.sample(20, temperature=0.5, top_k=4)
    assert [each.log_probability for each in drawn] == list(model.score([each.text for each in drawn]))
    assert all(each.tokens == len(each.text) + 1 for each in drawn)


def test_tensors_are_views(model):
    tensors = model.tensors
    assert {name: value.shape for name, value in tensors.items()} == {
        "C": (27, 5),
        "W1": (15, 24),
        "b1": (24,),
        "W2": (24, 27),
        "b2": (27,),
    }
    x = tensors["C"][[0, 5, 13]].reshape(1, -1)
    logits = np.tanh(x @ tensors["W1"] + tensors["b1"]) @ tensors["W2"] + tensors["b2"]
    expected = np.exp(logits[0] - logits.max())
    assert model.distribution([0, 5, 13]) == pytest.approx(expected / expected.sum(), abs=1e-6)
    with pytest.raises(ValueError):
        tensors["C"][0, 0] = 1.0
    del model
    assert np.isfinite(tensors["W2"]).all()


def test_nearest(model):
    nearest = model.nearest("e", 3)
    assert len(nearest) == 3 and "e" not in nearest
    assert list(nearest.values()) == sorted(nearest.values(), reverse=True)


def test_errors_are_exceptions(tmp_path):
    with pytest.raises(OSError, match="nowhere"):
        dptrain.load(tmp_path / "nowhere")
    (tmp_path / "text.h5").write_text("hello")
    with pytest.raises(dptrain.DptrainError, match="text.h5 is a text, not a checkpoint"):
        dptrain.load(tmp_path / "text.h5")


def test_threads_with_a_model_each():
    scores = [None] * 4

    def work(i):
        scores[i] = dptrain.load(RUN).score(["emma", "olivia", "ava"] * 200)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(scores))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all((score == scores[0]).all() for score in scores)


def test_metrics():
    pytest.importorskip("pandas")
    table = dptrain.metrics(RUN)
    assert table.index.is_monotonic_increasing
    assert table["loss"].iloc[-1] < table["loss"].iloc[0]


def test_torch_gives_the_same_losses(model):
    torch = pytest.importorskip("torch")
    module = model.to_torch()
    contexts = torch.tensor([[0, 0, 5], [0, 5, 13], [5, 13, 13]])
    expected = np.log([model.distribution(row.tolist()) for row in contexts])
    found = torch.log_softmax(module(contexts), 1).detach().numpy()
    assert found == pytest.approx(expected, abs=1e-5)
    assert sum(p.numel() for p in module.parameters()) == model.parameters


OTHER_MODELS = {
    "direct": ("char", "model.direct=yes"),
    "linear": ("char", "model.direct=yes", "model.hidden_dim=0"),
    "words": ("word",),
    "words, split, direct": ("word", "model.direct=yes", "parallel.output=split"),
    "words, split, linear": ("word", "model.direct=yes", "parallel.output=split", "model.hidden_dim=0"),
}


@pytest.mark.parametrize("of", OTHER_MODELS)
def test_scores_are_torchs_token_by_token(of, tmp_path):
    torch = pytest.importorskip("torch")
    unit, *settings = OTHER_MODELS[of]
    names = ["emma", "olivia", "ava", "isabella", "sophia"]
    lines = [" ".join(names[i % 5 : i % 5 + 1 + i % 3]) for i in range(300)] if unit == "word" else names * 60
    (tmp_path / "text.txt").write_text("\n".join(lines) + "\n")
    subprocess.run([os.path.join(BIN, "pack_dataset"), "text.txt", "--unit", unit], cwd=tmp_path, check=True)
    (tmp_path / "it.ini").write_text("[data]\npath = text.h5\n[model]\nembedding_dim = 5\nhidden_dim = 9\n")
    subprocess.run(
        [os.path.join(BIN, "dptrain"), "it.ini", "train.steps=200", "run.dir=run", *settings],
        cwd=tmp_path, check=True, stdout=subprocess.DEVNULL,
    )
    model = dptrain.load(tmp_path / "run")
    module = model.to_torch()
    for text in lines[:5]:
        ids = [*model.encode(text).tolist(), 0]
        padded = [0] * model.block_size + ids
        contexts = torch.tensor([padded[i : i + model.block_size] for i in range(len(ids))])
        logs = torch.log_softmax(module(contexts), 1).detach().numpy()
        expected = [-logs[i, token] for i, token in enumerate(ids)]
        assert [token.surprisal for token in model.surprisal(text)] == pytest.approx(expected, abs=1e-5)
