"""The encoder of cnn_transformer: convolutions, then self-attention over the bars (torch)."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from moola.utils.dataset import BARS, PRICES
from moola.utils.files import atomic_path

WIDTH = 32  # numbers that describe a bar; part of the weights' format, hence no hyper-parameter


class Encoder(nn.Module):
    """Windows (n, BARS, 4) -> a description of each bar in its window (n, BARS, WIDTH)."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv1d(len(PRICES), WIDTH, kernel_size=3, padding=1),
            nn.GELU(),
            nn.Conv1d(WIDTH, WIDTH, kernel_size=3, padding=1),
        )
        self.positions = nn.Parameter(torch.randn(BARS, WIDTH) * 0.02)
        self.attention = nn.TransformerEncoderLayer(
            WIDTH, nhead=4, dim_feedforward=2 * WIDTH, dropout=dropout, batch_first=True
        )

    def forward(self, windows: Tensor) -> Tensor:
        """Describe every bar of a batch of windows."""
        bars = self.convolutions(windows.transpose(1, 2)).transpose(1, 2)
        return self.attention(bars + self.positions)


def save_encoder(encoder: Encoder, path: Path) -> None:
    """Keep the weights, whole or not at all."""
    with atomic_path(path) as temporary:
        torch.save(encoder.state_dict(), temporary)


def load_encoder(encoder: Encoder, path: Path) -> None:
    """Start from the weights that `save_encoder` kept."""
    if not path.is_file():
        raise FileNotFoundError(
            f"pretrained encoder not found: {path} (python -m moola.cli pretrain makes it)"
        )
    encoder.load_state_dict(torch.load(path, map_location="cpu"))
