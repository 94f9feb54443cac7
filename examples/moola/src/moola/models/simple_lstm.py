"""One LSTM layer that reads a window bar by bar (torch)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from moola.config.training import LstmConfig
from moola.models.run import Run
from moola.models.torch_training import fit_classifier, seed_torch
from moola.utils.dataset import CLASSES, PRICES, Dataset, Matrix


class SimpleLstm(nn.Module):
    """Windows (n, BARS, 4) -> logits (n, classes), from the state after the last bar."""

    def __init__(self, hidden_size: int, dropout: float) -> None:
        super().__init__()
        self.lstm = nn.LSTM(len(PRICES), hidden_size, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(hidden_size, len(CLASSES))

    def forward(self, windows: Tensor) -> Tensor:
        """Logits of a batch of windows."""
        states, _ = self.lstm(windows)
        return self.head(self.dropout(states[:, -1]))


def train_fold(run: Run[LstmConfig], train: Dataset, val: Dataset) -> Matrix:
    """Class probabilities of the validation windows, shape (n, classes)."""
    seed_torch(run.seed)
    model = SimpleLstm(run.config.hidden_size, run.config.dropout).to(torch.device(run.device))
    return fit_classifier(model, run, train, val)
