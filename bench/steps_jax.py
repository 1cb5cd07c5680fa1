"""The whole training loop in JAX, as fast as we know how to write it.

One `jit` of a `lax.scan` over the steps: nothing of Python runs between them, the rows of all steps
are drawn before the clock starts, and parameters and optimizer state are donated, so that they are
updated in place. How layer 1 and the loss are best written depends on the shape, so several ways
are compiled, each is timed, and the fastest goes on (`WAYS`). Set XLA_FLAGS as `ENVIRONMENT` has it
for one thread.
"""
import time
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

WAYS = [(hidden, loss) for hidden in ("gather", "matmul_back", "onehot", "table", "table_onehot")
        for loss in ("plain", "fused")]
TRIED_SECONDS, TRIED_MOST = 0.03, 4  # a way is timed for about so long; direct ways may do so many
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


def flops(way, vocab, block, embedding, hidden, batch):
    """Of layer 1, forward: what may not be worth trying is told by it."""
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

    def loop(self, way, dropout):
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

            self.loops[way, dropout] = jax.jit(partial(lax.scan, step), donate_argnums=0)
        return self.loops[way, dropout]

    def stretch(self, way, ix, dropout):
        """A function that trains on the rows ix [steps, batch] and returns their losses."""
        loop = self.loop(way, dropout)
        rows = (jnp.array(self.contexts[ix]), jnp.array(self.targets[ix]))

        def go():
            self.state, losses = loop(self.state, rows)
            return losses.block_until_ready()
        return go

    def draw(self, steps, batch):
        return self.random.integers(0, len(self.targets), (steps, batch))

    def train(self, drawn):
        """Without dropout, as no two have the same masks."""
        return [float(loss) for loss in self.stretch(WAYS[0], np.array(drawn), 0)()]

    def ready(self, steps, batch):
        if self.way is None:
            self.way = min(self.ways(batch), key=partial(self.try_way, batch))
        go = self.stretch(self.way, self.draw(steps, batch), self.spec["dropout"])
        go()  # compiles it for this many steps
        return go

    def ways(self, batch):
        """Those worth a try: what multiplies much more than the direct way is not."""
        C, W1 = self.state["parameters"][:2]
        sizes = (len(C), len(W1) // C.shape[1], C.shape[1], W1.shape[1], batch)
        most = TRIED_MOST * (flops("gather", *sizes) + batch * W1.shape[1] * len(C))
        return [way for way in WAYS if flops(way[0], *sizes) <= most]

    def try_way(self, batch, way):
        """Seconds a step."""
        def seconds(steps):
            go = self.stretch(way, self.draw(steps, batch), self.spec["dropout"])
            go()
            times = []
            for _ in range(3):
                before = time.perf_counter()
                go()
                times.append((time.perf_counter() - before) / steps)
            return min(times)
        return seconds(max(3, round(TRIED_SECONDS / seconds(3))))


KINDS = {"jax": Jax}
