"""The network as a module of PyTorch."""

from __future__ import annotations

from typing import Mapping

import numpy as np
import numpy.typing as npt
import torch


class NeuralLanguageModel(torch.nn.Module):
    """Embedding table, tanh layer, softmax, after Bengio et al. 2003: the logits of contexts."""

    C: torch.Tensor  # and those of these that the model has
    W1: torch.Tensor
    b1: torch.Tensor
    W2: torch.Tensor
    b2: torch.Tensor
    Wd: torch.Tensor

    def __init__(self, tensors: Mapping[str, npt.NDArray[np.float32]]) -> None:
        super().__init__()
        for name, values in tensors.items():
            self.register_parameter(name, torch.nn.Parameter(torch.tensor(np.array(values, order="C"))))

    def forward(self, contexts: torch.Tensor) -> torch.Tensor:
        """contexts [rows, block_size], ids, to logits [rows, vocab]."""
        x = self.C[contexts].flatten(1)
        logits = self.b2
        if hasattr(self, "W1"):
            logits = torch.tanh(x @ self.W1 + self.b1) @ self.W2 + logits
        if hasattr(self, "Wd"):
            logits = x @ self.Wd + logits
        return logits


def make_module(tensors: Mapping[str, npt.NDArray[np.float32]]) -> NeuralLanguageModel:
    return NeuralLanguageModel(tensors)
