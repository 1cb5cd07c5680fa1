"""One training step in PyTorch, in the ways people write it.

Each class has step(ix), which trains on the rows ix and returns their mean loss as a tensor. Rows
are drawn with torch.randint, as in the notebook.
"""
import os

import torch
import torch.nn.functional as F

from steps import StepByStep

torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))


def forward(parameters, contexts, targets, ix):
    """The notebook's loss."""
    C, W1, b1, W2, b2 = parameters
    emb = C[contexts[ix]]
    h = torch.tanh(emb.view(len(ix), -1) @ W1 + b1)
    return F.cross_entropy(h @ W2 + b2, targets[ix])


class Eager(StepByStep):
    """The notebook's loop, line by line."""

    name = "eager, notebook"
    requires_grad = True

    def __init__(self, contexts, targets, start, spec):
        self.contexts, self.targets = torch.from_numpy(contexts), torch.from_numpy(targets)
        self.parameters = [torch.from_numpy(p.copy()) for p in start]
        for p in self.parameters:
            p.requires_grad = self.requires_grad
        self.learning_rate = spec["learning_rate"]
        self.prepare()

    def prepare(self):
        """What a variant sets up once."""

    @staticmethod
    def rows(ix):
        return torch.from_numpy(ix)

    def draw(self, count):
        return torch.randint(0, len(self.targets), (count,))

    def step(self, ix):
        loss = forward(self.parameters, self.contexts, self.targets, ix)
        for p in self.parameters:
            p.grad = None
        loss.backward()
        for p in self.parameters:
            p.data += -self.learning_rate * p.grad
        return loss.detach()


class Lean(Eager):
    """Eager with as few calls as it takes: fused bias, one call for all updates."""

    name = "eager, tuned"

    def step(self, ix):
        C, W1, b1, W2, b2 = self.parameters
        emb = C[self.contexts[ix]].view(len(ix), -1)
        h = torch.addmm(b1, emb, W1).tanh_()
        loss = F.cross_entropy(torch.addmm(b2, h, W2), self.targets[ix])
        gradients = torch.autograd.grad(loss, self.parameters)
        with torch.no_grad():
            torch._foreach_add_(self.parameters, gradients, alpha=-self.learning_rate)
        return loss.detach()


def fastest_sgd(parameters, learning_rate):
    """torch.optim.SGD in the fastest form this version has."""
    for option in ({"fused": True}, {"foreach": True}, {}):
        try:
            return torch.optim.SGD(parameters, lr=learning_rate, **option)
        except (TypeError, RuntimeError):
            pass
    raise RuntimeError("no torch.optim.SGD")


class Optimizer(Eager):
    """Eager with torch.optim.SGD, fused where this version can."""

    name = "eager, optim.SGD"

    def prepare(self):
        self.optimizer = fastest_sgd(self.parameters, self.learning_rate)

    def step(self, ix):
        loss = forward(self.parameters, self.contexts, self.targets, ix)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return loss.detach()


class Compiled(Optimizer):
    """torch.compile of forward and loss, the usual way; backward follows, SGD is fused."""

    name = "compile, loss"

    def prepare(self):
        super().prepare()
        self.loss = torch.compile(forward, dynamic=False)

    def step(self, ix):
        loss = self.loss(self.parameters, self.contexts, self.targets, ix)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return loss.detach()


class CompiledStep(Eager):
    """torch.compile of the whole step as one graph: forward, backward and update."""

    name = "compile, whole step"
    requires_grad = False

    def prepare(self):
        def whole(parameters, contexts, targets, ix):
            gradients, loss = torch.func.grad_and_value(forward)(parameters, contexts, targets, ix)
            for parameter, gradient in zip(parameters, gradients):
                parameter.sub_(self.learning_rate * gradient)
            return loss

        # The wrapper in C++ makes its calls from C++ too: the least overhead there is.
        self.whole = torch.compile(whole, dynamic=False, fullgraph=True,
                                   options={"cpp_wrapper": True})

    def step(self, ix):
        return self.whole(self.parameters, self.contexts, self.targets, ix)


class Names(torch.nn.Module):
    """The model as a module, for DistributedDataParallel."""

    def __init__(self, parameters):
        super().__init__()
        self.parameters_ = torch.nn.ParameterList(parameters)

    def forward(self, contexts, targets, ix):
        return forward(list(self.parameters_), contexts, targets, ix)


class Distributed(Eager):
    """DistributedDataParallel over gloo; each process has its share of the rows."""

    name = "DDP, 1 process"

    def prepare(self):
        import torch.distributed as dist
        from torch.nn.parallel import DistributedDataParallel

        if not dist.is_initialized():
            dist.init_process_group("gloo")
        torch.manual_seed(dist.get_rank())
        self.model = DistributedDataParallel(Names(self.parameters), gradient_as_bucket_view=True)
        self.optimizer = fastest_sgd(self.model.parameters(), self.learning_rate)

    def step(self, ix):
        loss = self.model(self.contexts, self.targets, ix)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return loss.detach()


KINDS = {
    "eager": Eager,
    "lean": Lean,
    "optimizer": Optimizer,
    "compiled": Compiled,
    "compiled_step": CompiledStep,
    "ddp": Distributed,
}
