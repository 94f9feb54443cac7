"""How good predicted probabilities are."""

from __future__ import annotations

import math

from moola.utils.dataset import CLASSES, Matrix, Row
from moola.utils.runlog import RunLog


def predicted(row: Row) -> int:
    """The class with the highest probability; the first one of equals."""
    return max(range(len(row)), key=row.__getitem__)


def accuracy(rows: Matrix, labels: list[int]) -> float:
    """Share of rows whose predicted class is the label."""
    hits = sum(predicted(row) == label for row, label in zip(rows, labels, strict=True))
    return hits / len(labels)


def log_loss(rows: Matrix, labels: list[int]) -> float:
    """Mean negative log-likelihood of the labels, in nats."""
    surprises = [-math.log(max(row[label], 1e-15)) for row, label in zip(rows, labels, strict=True)]
    return math.fsum(surprises) / len(labels)


def say_scores(log: RunLog, rows: Matrix, labels: list[int]) -> None:
    """Say the accuracy of each class and of all, and warn if only one class was ever predicted."""
    guesses = [predicted(row) for row in rows]
    for label, name in enumerate(CLASSES):
        of_class = [guess for guess, truth in zip(guesses, labels, strict=True) if truth == label]
        share = of_class.count(label) / max(1, len(of_class))
        log.say(f"class {name}: accuracy {share:.2f} (n={len(of_class)})")
    if len(set(guesses)) < 2:
        only = CLASSES[guesses[0]]
        log.say(f"WARNING: class collapse: all {len(guesses)} predictions are class '{only}'")
    log.say(f"oof_acc {accuracy(rows, labels):.4f} | oof_loss {log_loss(rows, labels):.4f}")
