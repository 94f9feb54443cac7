"""The training loop that the torch models share."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from moola.config.training import CnnTransformerConfig, LstmConfig, PretrainConfig
from moola.models.run import Run
from moola.utils.balance import class_weights
from moola.utils.dataset import Dataset, Matrix
from moola.utils.files import atomic_path
from moola.utils.scores import accuracy

TorchConfig = CnnTransformerConfig | LstmConfig | PretrainConfig


def seed_torch(seed: int) -> None:
    """Make what follows repeatable. Models this small are fastest on one thread."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)


def fit_classifier(
    model: nn.Module,
    run: Run[CnnTransformerConfig | LstmConfig],
    train: Dataset,
    val: Dataset,
) -> Matrix:
    """Train; give the class probabilities of the validation windows, shape (n, classes)."""
    device = torch.device(run.device)
    windows = torch.tensor(train.windows, device=device)  # (n, BARS, 4)
    labels = torch.tensor(train.labels, device=device)  # (n,)
    val_windows = torch.tensor(val.windows, device=device)
    val_labels = torch.tensor(val.labels, device=device)
    criterion = nn.CrossEntropyLoss(torch.tensor(class_weights(train.labels), device=device))

    def batch_loss(batch: Tensor) -> Tensor:
        return criterion(model(windows[batch]), labels[batch])

    def validate() -> dict[str, float]:
        logits = model(val_windows)
        return {
            "val_loss": nn.functional.cross_entropy(logits, val_labels).item(),
            "val_acc": accuracy(logits.tolist(), val.labels),
        }

    fit(model, run, len(train), batch_loss, validate)
    with torch.no_grad():
        return model(val_windows).softmax(dim=1).tolist()


def fit(
    model: nn.Module,
    run: Run[TorchConfig],
    samples: int,
    batch_loss: Callable[[Tensor], Tensor],
    validate: Callable[[], dict[str, float]],
) -> None:
    """Minimise `batch_loss` (positions of a batch's samples -> scalar), saying every epoch."""
    config = run.config
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=config.learning_rate, weight_decay=config.l2
    )
    for epoch in range(1, config.epochs + 1):
        model.train()
        losses, norms = [], []
        for batch in torch.randperm(samples).split(config.batch_size):
            optimiser.zero_grad()
            loss = batch_loss(batch)
            loss.backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), config.max_grad_norm)
            optimiser.step()
            losses.append(loss.item())
            norms.append(float(norm))
        model.eval()
        train_loss = sum(losses) / len(losses)
        with torch.no_grad():
            metrics = validate()
        grad_norm = sum(norms) / len(norms)
        run.log.epoch(epoch, config.epochs, train_loss=train_loss, **metrics, grad_norm=grad_norm)
        if not math.isfinite(train_loss):
            raise FloatingPointError(
                f"loss became {train_loss} in epoch {epoch} (learning_rate {config.learning_rate})"
            )
        save_checkpoint(model, run, epoch)


def save_checkpoint(model: nn.Module, run: Run[TorchConfig], epoch: int) -> None:
    """Keep the weights after a good epoch, whole or not at all: what is left of a run that dies."""
    with atomic_path(run.checkpoint) as temporary:
        torch.save({"seed": run.seed, "epoch": epoch, "model": model.state_dict()}, temporary)
