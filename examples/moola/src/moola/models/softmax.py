"""Softmax regression by mini-batch gradient descent, in plain Python."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from operator import mul

from moola.config.training import LogregConfig, StackConfig
from moola.utils.balance import class_weights
from moola.utils.dataset import CLASSES, Matrix, Row
from moola.utils.runlog import RunLog
from moola.utils.scores import accuracy


@dataclass
class SoftmaxRegression:
    """`weights` has shape (classes, features + 1); the last one of each class is its bias."""

    weights: Matrix

    @classmethod
    def zeros(cls, features: int) -> SoftmaxRegression:
        """A model that finds all classes equally likely."""
        return cls([[0.0] * (features + 1) for _ in CLASSES])

    def log_probabilities(self, row: Row) -> Row:
        """Log of each class's probability; shape (classes,). No exponential can overflow."""
        inputs = [*row, 1.0]
        logits = [sum(map(mul, inputs, weights)) for weights in self.weights]
        top = max(logits)
        log_total = top + math.log(sum(math.exp(logit - top) for logit in logits))
        return [logit - log_total for logit in logits]

    def probabilities(self, rows: Matrix) -> Matrix:
        """Class probabilities; shape (n, features) -> (n, classes)."""
        return [[math.exp(value) for value in self.log_probabilities(row)] for row in rows]

    def loss(self, rows: Matrix, labels: list[int]) -> float:
        """Mean cross-entropy in nats."""
        chosen = (self.log_probabilities(row)[label] for row, label in zip(rows, labels))
        return -mean(list(chosen))

    def step(
        self,
        batch: list[tuple[Row, int]],
        balance: list[float],
        learning_rate: float,
        l2: float,
    ) -> tuple[float, float]:
        """Learn from one mini-batch; give its mean loss and the norm of its gradient."""
        gradient = [[l2 * weight for weight in weights] for weights in self.weights]
        for weights in gradient:
            weights[-1] = 0.0  # a bias does not decay
        loss = 0.0
        for row, label in batch:
            inputs = [*row, 1.0]
            logs = self.log_probabilities(row)
            share = balance[label] / len(batch)
            loss -= share * logs[label]
            for target, value in enumerate(logs):
                error = share * (math.exp(value) - (target == label))
                line = gradient[target]
                gradient[target] = [slope + error * x for slope, x in zip(line, inputs)]
        for weights, line in zip(self.weights, gradient):
            weights[:] = [w - learning_rate * slope for w, slope in zip(weights, line)]
        return loss, math.sqrt(sum(slope * slope for line in gradient for slope in line))


def fit(
    config: LogregConfig | StackConfig,
    train: tuple[Matrix, list[int]],
    val: tuple[Matrix, list[int]],
    rng: random.Random,
    log: RunLog,
) -> SoftmaxRegression:
    """Train on rows of shape (n, features) and their labels, saying every epoch's metrics."""
    rows, labels = train
    model = SoftmaxRegression.zeros(features=len(rows[0]))
    balance = class_weights(labels)
    samples = list(zip(rows, labels, strict=True))
    for epoch in range(1, config.epochs + 1):
        rng.shuffle(samples)
        batches = [
            samples[at : at + config.batch_size] for at in range(0, len(samples), config.batch_size)
        ]
        learning_rate = config.learning_rate * (1.0 - (epoch - 1) / config.epochs)
        steps = [model.step(batch, balance, learning_rate, config.l2) for batch in batches]
        train_loss = mean([loss for loss, _ in steps])
        log.epoch(
            epoch,
            config.epochs,
            train_loss=train_loss,
            val_loss=model.loss(*val),
            val_acc=accuracy(model.probabilities(val[0]), val[1]),
            grad_norm=mean([norm for _, norm in steps]),
        )
        if not math.isfinite(train_loss):
            raise FloatingPointError(
                f"loss became {train_loss} in epoch {epoch} (learning_rate {config.learning_rate})"
            )
    return model


def mean(values: list[float]) -> float:
    """The mean, inf and nan included (statistics.fmean raises OverflowError instead)."""
    return sum(values) / len(values)
