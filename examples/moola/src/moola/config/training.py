"""Hyper-parameters: one class per model, one number per line.

Units: `learning_rate` is the step length per mini-batch, `batch_size` counts windows,
`epochs` counts passes over the training part of one fold.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LogregConfig:
    """Softmax regression in plain Python."""

    learning_rate: float = 1.0  # of the first epoch; falls evenly to 0
    batch_size: int = 4
    epochs: int = 60
    l2: float = 0.08  # weight decay; learning_rate * l2 must stay below 2


@dataclass(frozen=True)
class ForestConfig:
    """Random forest (scikit-learn). One epoch grows `trees_per_epoch` more trees."""

    epochs: int = 8
    trees_per_epoch: int = 15
    max_depth: int = 8
    min_samples_leaf: int = 2


@dataclass(frozen=True)
class XgbConfig:
    """Gradient boosting (xgboost). One epoch is one boosting round."""

    learning_rate: float = 0.15
    epochs: int = 30
    max_depth: int = 3
    l2: float = 1.0
    subsample: float = 0.8


@dataclass(frozen=True)
class LstmConfig:
    """One LSTM layer and a linear head (torch)."""

    learning_rate: float = 0.005
    batch_size: int = 16
    epochs: int = 20
    l2: float = 0.0001
    hidden_size: int = 32
    dropout: float = 0.2
    max_grad_norm: float = 1.0


@dataclass(frozen=True)
class CnnTransformerConfig:
    """Convolutions, then self-attention over the bars, then a linear head (torch)."""

    learning_rate: float = 0.001
    batch_size: int = 24
    epochs: int = 12
    l2: float = 0.01
    dropout: float = 0.3
    max_grad_norm: float = 2.0


@dataclass(frozen=True)
class PretrainConfig:
    """Masked-bar pretraining of the encoder that cnn_transformer loads (torch)."""

    learning_rate: float = 0.003
    batch_size: int = 32
    epochs: int = 25
    l2: float = 0.0001
    mask_share: float = 0.3  # share of the bars that are hidden and must be guessed
    max_grad_norm: float = 5.0


@dataclass(frozen=True)
class StackConfig:
    """Softmax regression over the base models' out-of-fold probabilities, in plain Python."""

    learning_rate: float = 2.0  # of the first epoch; falls evenly to 0
    batch_size: int = 8
    epochs: int = 40
    l2: float = 0.005


Config = (
    LogregConfig
    | ForestConfig
    | XgbConfig
    | LstmConfig
    | CnnTransformerConfig
    | PretrainConfig
    | StackConfig
)

BASE_MODELS: dict[str, Config] = {
    "logreg": LogregConfig(),
    "rf": ForestConfig(),
    "xgb": XgbConfig(),
    "simple_lstm": LstmConfig(),
    "cnn_transformer": CnnTransformerConfig(),
}
