"""Convolutions and self-attention over a window; may start from a pretrained encoder (torch)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from moola.config.training import CnnTransformerConfig
from moola.models.encoder import WIDTH, Encoder, load_encoder
from moola.models.run import Run
from moola.models.torch_training import fit_classifier, seed_torch
from moola.utils.dataset import BARS, CLASSES, Dataset, Matrix


class CnnTransformer(nn.Module):
    """Windows (n, BARS, 4) -> logits (n, classes), from the descriptions of all bars."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.encoder = Encoder(dropout)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(BARS * WIDTH, len(CLASSES))

    def forward(self, windows: Tensor) -> Tensor:
        """Logits of a batch of windows."""
        return self.head(self.dropout(self.encoder(windows).flatten(start_dim=1)))


def train_fold(run: Run[CnnTransformerConfig], train: Dataset, val: Dataset) -> Matrix:
    """Class probabilities of the validation windows, shape (n, classes)."""
    seed_torch(run.seed)
    model = CnnTransformer(run.config.dropout)
    if run.encoder is not None:
        load_encoder(model.encoder, run.encoder)
        run.log.say(f"loaded encoder {run.encoder}")
    return fit_classifier(model.to(torch.device(run.device)), run, train, val)
