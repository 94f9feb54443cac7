"""Every place the project reads or writes, relative to the project folder it is run from."""

from __future__ import annotations

from pathlib import Path

DATA = Path("data/windows.csv")
LOGS = Path("logs")
OOF = Path("artifacts/oof")
LABELS = OOF / "labels.npy"
ENCODER = Path("artifacts/pretrained/encoder.pt")
CHECKPOINTS = Path("artifacts/checkpoints")


def oof_file(model: str, seed: int) -> Path:
    """Where a model's out-of-fold probabilities for one seed are kept."""
    return OOF / model / "v1" / f"seed_{seed}.npy"


def checkpoint_file(name: str, seed: int) -> Path:
    """Where a torch model's weights after its last whole epoch are kept while it trains."""
    return CHECKPOINTS / f"{name}_seed_{seed}.pt"
