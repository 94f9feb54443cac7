"""What a model is given to train one fold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from moola.config.training import Config
from moola.utils.dataset import Dataset, Matrix
from moola.utils.runlog import RunLog

C_co = TypeVar("C_co", bound=Config, covariant=True)


@dataclass(frozen=True)
class Run(Generic[C_co]):
    """The settings of a training, the same for all its folds."""

    config: C_co
    seed: int
    device: str  # "cpu" or "cuda"
    encoder: Path | None  # pretrained weights to start from
    log: RunLog
    checkpoint: Path  # where the torch models keep their last whole epoch


# Trains on the first data set (aligned windows) and gives the class probabilities of the
# second one, shape (n, classes).
FoldTrainer = Callable[[Run, Dataset, Dataset], Matrix]


def load_trainer(model: str) -> FoldTrainer:
    """Import only the model that is asked for, so that only its packages are needed."""
    if model == "logreg":
        from moola.models import logreg

        return logreg.train_fold
    if model == "rf":
        from moola.models import rf

        return rf.train_fold
    if model == "xgb":
        from moola.models import xgb

        return xgb.train_fold
    if model == "simple_lstm":
        from moola.models import simple_lstm

        return simple_lstm.train_fold
    if model == "cnn_transformer":
        from moola.models import cnn_transformer

        return cnn_transformer.train_fold
    raise ValueError(f"no model is called {model!r}")
