"""The whole training loop in JAX, as fast as we know how to write it.

One `jit` of a `lax.scan` over the steps: nothing of Python runs between them, the rows of all steps
are drawn before the clock starts, and parameters and optimizer state are donated, so that they are
updated in place. How layer 1 and the loss are best written depends on the shape, so several ways
are compiled, each is timed, and the fastest goes on. models.py has the environment for one thread.

What was tried and is not faster, by more than what a measurement varies: weights stored transposed,
gradients written out by hand, an update of C in place, XLA's flags for vector width, fast-math, its
fusion, its scheduler, oneDNN and XNNPACK.
"""
import time
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

LAYER1 = ("gather", "matmul_back", "onehot", "table", "table_onehot")
SMALL, UNROLLED = 1e6, 4  # steps of fewer products are unrolled: some 5 %, and nothing for others
TRIED_PRODUCTS, TRIED_STEPS = 1e9, 3000  # a way is timed for about so many, three times
TRIED_MOST = 4  # times as many products as the direct way has: more are not tried
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


def onehot(ids, vocab):
    return (ids[..., None] == jnp.arange(vocab, dtype=ids.dtype)).astype(jnp.float32)


# --- the embedding, by a gather whose gradient is a product ---------------------------------------


@jax.custom_vjp
def take(C, x):
    return C[x]


def take_forward(C, x):
    return C[x], (x, len(C))


def take_backward(kept, g):
    x, vocab = kept
    return onehot(x.reshape(-1), vocab).T @ g.reshape(-1, g.shape[-1]), None


take.defvjp(take_forward, take_backward)


# --- cross entropy that keeps the exponentials for the gradient -----------------------------------


@jax.custom_vjp
def fused_loss(logits, y):
    return fused_forward(logits, y)[0]


def fused_forward(logits, y):
    most = logits.max(axis=1, keepdims=True)
    e = jnp.exp(logits - most)
    sums = e.sum(axis=1, keepdims=True)
    chosen = jnp.take_along_axis(logits, y[:, None], axis=1)
    return (jnp.log(sums) + most - chosen).mean(), (e, sums, y)


def fused_backward(kept, g):
    e, sums, y = kept
    g = g / len(e)
    return e * (g / sums) - g * onehot(y, e.shape[1]), None


fused_loss.defvjp(fused_forward, fused_backward)


def plain_loss(logits, y):
    chosen = jnp.take_along_axis(logits, y[:, None], axis=1)[:, 0]
    return (jax.nn.logsumexp(logits, axis=1) - chosen).mean()


LOSSES = {"plain": plain_loss, "fused": fused_loss}


# --- the model ------------------------------------------------------------------------------------


def layer1(way, C, W1, x):
    """x [batch, block] to [batch, hidden], without the bias."""
    batch, block = x.shape
    vocab, embedding = C.shape
    if way in ("table", "table_onehot"):  # what each (place, token) adds, then sums of its rows
        table = jnp.einsum("ve,keh->kvh", C, W1.reshape(block, embedding, -1))
        table = table.reshape(block * vocab, -1)
        if way == "table":
            return table[x + vocab * jnp.arange(block, dtype=x.dtype)].sum(axis=1)
        return onehot(x, vocab).reshape(batch, -1) @ table
    if way == "onehot":
        features = onehot(x.reshape(-1), vocab) @ C
    else:
        features = {"gather": lambda: C[x], "matmul_back": lambda: take(C, x)}[way]()
    return features.reshape(batch, -1) @ W1


def products(way, vocab, block, embedding, hidden, batch):
    """Of layer 1, forward, in a way: tells what may not be worth trying."""
    direct = batch * block * embedding * hidden
    return {"onehot": direct + batch * block * vocab * embedding,
            "matmul_back": direct + batch * block * vocab * embedding,
            "table": block * vocab * embedding * hidden,
            "table_onehot": block * vocab * hidden * (embedding + batch)}.get(way, direct)


def dropped(dropout, h, key):
    """With the chance of 8 bits, four of them from one word: `bernoulli` takes three times as long."""
    kept = round(256 * (1 - dropout))
    words = jax.random.bits(key, (-(-h.size // 4),), jnp.uint32)
    drawn = lax.bitcast_convert_type(words, jnp.uint8).reshape(-1)[:h.size].reshape(h.shape)
    return jnp.where(drawn < kept, h * (256 / kept), 0)


def forward(way, dropout, parameters, x, y, key):
    C, W1, b1, W2, b2 = parameters
    h = jnp.tanh(layer1(way[0], C, W1, x) + b1)
    if dropout > 0:
        h = dropped(dropout, h, key)
    return LOSSES[way[1]](h @ W2 + b2, y)


def sgd(spec, state, gradients):
    state["parameters"] = [p - spec["learning_rate"] * g
                           for p, g in zip(state["parameters"], gradients)]
    return state


def adamw(spec, state, gradients):
    rate, powers = spec["learning_rate"], state["powers"] * jnp.array([BETA1, BETA2])
    m = [BETA1 * m + (1 - BETA1) * g for m, g in zip(state["m"], gradients)]
    v = [BETA2 * v + (1 - BETA2) * g * g for v, g in zip(state["v"], gradients)]
    keep = [1 - rate * spec["weight_decay"] * (p.ndim == 2) for p in state["parameters"]]
    step, scale = rate / (1 - powers[0]), 1 / jnp.sqrt(1 - powers[1])
    state["parameters"] = [k * p - step * m / (scale * jnp.sqrt(v) + EPSILON)
                           for k, p, m, v in zip(keep, state["parameters"], m, v)]
    return {**state, "m": m, "v": v, "powers": powers}


UPDATES = {"sgd": sgd, "adamw": adamw}


class Jax:
    """The loop in the fastest of the ways, chosen for each batch size."""

    name = "jit of lax.scan"

    def __init__(self, contexts, targets, start, spec):
        self.contexts, self.targets = contexts.astype(np.int32), targets.astype(np.int32)
        self.spec = {"optimizer": "sgd", "dropout": 0, "weight_decay": 0, **spec}
        self.state = self.start(start)
        self.random = np.random.default_rng(1)
        self.way = None
        self.loops = {}

    def start(self, parameters):
        parameters = [jnp.array(p) for p in parameters]
        state = {"parameters": parameters, "key": jax.random.key(1)}
        if self.spec["optimizer"] == "adamw":
            state.update(m=[jnp.zeros_like(p) for p in parameters],
                         v=[jnp.zeros_like(p) for p in parameters], powers=jnp.ones(2))
        return state

    def products(self, batch):
        """Of a step, forward, in the direct way."""
        _, W1, _, W2, _ = self.state["parameters"]
        return batch * (W1.size + W2.size)

    def loop(self, way, dropout, batch):
        """The compiled loop of a way."""
        if (way, dropout) not in self.loops:
            loss = partial(forward, way, dropout)
            update = partial(UPDATES[self.spec["optimizer"]], self.spec)

            def step(state, rows):
                state, key = dict(state), None
                if dropout > 0:
                    state["key"], key = jax.random.split(state["key"])
                value, gradients = jax.value_and_grad(loss)(state["parameters"], *rows, key)
                return update(state, gradients), value

            scan = partial(lax.scan, step, unroll=UNROLLED if self.products(batch) < SMALL else 1)
            self.loops[way, dropout] = jax.jit(scan, donate_argnums=0)
        return self.loops[way, dropout]

    def stretch(self, way, ix, dropout):
        """A function that trains on the rows ix [steps, batch] and returns their losses."""
        loop = self.loop(way, dropout, ix.shape[1])
        rows = (jnp.array(self.contexts[ix]), jnp.array(self.targets[ix]))

        def go():
            self.state, losses = loop(self.state, rows)
            return losses.block_until_ready()
        return go

    def draw(self, steps, batch):
        return self.random.integers(0, len(self.targets), (steps, batch))

    def train(self, drawn):
        """Without dropout, as no two have the same masks."""
        return [float(loss) for loss in self.stretch(("gather", "plain"), np.array(drawn), 0)()]

    def ready(self, steps, batch):
        if self.way is None:
            self.way = self.fastest_way(batch)
        return self.warm(self.way, steps, batch)

    def warm(self, way, steps, batch):
        """A stretch that is compiled for so many steps."""
        go = self.stretch(way, self.draw(steps, batch), self.spec["dropout"])
        go()
        return go

    def fastest_way(self, batch):
        """The fastest for layer 1, then for the loss."""
        seconds = partial(self.seconds, batch)
        layer1 = min((way for way in LAYER1 if self.is_worth_trying(way, batch)),
                     key=lambda way: seconds((way, "plain")))
        return min(((layer1, loss) for loss in LOSSES), key=seconds)

    def is_worth_trying(self, way, batch):
        C, W1 = self.state["parameters"][:2]
        sizes = (len(C), len(W1) // C.shape[1], C.shape[1], W1.shape[1], batch)
        return products(way, *sizes) <= TRIED_MOST * self.products(batch)

    def seconds(self, batch, way):
        """Of some steps."""
        steps = round(TRIED_PRODUCTS / self.products(batch))
        go = self.warm(way, min(max(3, steps), TRIED_STEPS), batch)
        times = []
        for _ in range(3):
            before = time.perf_counter()
            go()
            times.append(time.perf_counter() - before)
        return min(times)


KINDS = {"jax": Jax}
