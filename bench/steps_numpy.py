"""One training step in NumPy, gradients by hand."""
import numpy as np

from steps import StepByStep


class NumpyStep(StepByStep):
    """step(ix) trains on the rows ix and returns their mean loss."""

    name = "by hand"

    def __init__(self, contexts, targets, start, spec):
        self.contexts, self.targets = contexts, targets
        self.parameters = [parameter.copy() for parameter in start]
        self.learning_rate = np.float32(spec["learning_rate"])
        self.identity = np.eye(len(start[0]), dtype=np.float32)
        self.random = np.random.default_rng(1)

    def draw(self, count):
        return self.random.integers(0, len(self.targets), count)

    def step(self, ix):
        C, W1, b1, W2, b2 = self.parameters
        x, y = self.contexts[ix], self.targets[ix]
        rows = np.arange(len(ix))
        emb = C[x].reshape(len(ix), -1)
        h = np.tanh(emb @ W1 + b1)
        logits = h @ W2 + b2
        logits -= logits.max(axis=1, keepdims=True)
        p = np.exp(logits)
        sums = p.sum(axis=1, keepdims=True)
        loss = (np.log(sums[:, 0]) - logits[rows, y]).mean()

        p /= sums
        p[rows, y] -= 1
        p /= np.float32(len(ix))
        dh = (p @ W2.T) * (1 - h * h)
        demb = (dh @ W1.T).reshape(-1, C.shape[1])
        gradients = (self.identity[x.ravel()].T @ demb, emb.T @ dh, dh.sum(axis=0), h.T @ p,
                     p.sum(axis=0))
        for parameter, gradient in zip(self.parameters, gradients):
            parameter -= self.learning_rate * gradient
        return loss


KINDS = {"numpy": NumpyStep}
