"""Gradient-boosted trees over all prices of a window (xgboost). Always on the CPU."""

from __future__ import annotations

import numpy as np
import xgboost

from moola.config.training import XgbConfig
from moola.models.run import Run
from moola.utils.balance import class_weights
from moola.utils.dataset import CLASSES, Dataset, Matrix
from moola.utils.features import flatten
from moola.utils.scores import accuracy, log_loss


def train_fold(run: Run[XgbConfig], train: Dataset, val: Dataset) -> Matrix:
    """Class probabilities of the validation windows, shape (n, classes)."""
    config = run.config
    balance = class_weights(train.labels)
    train_rows = xgboost.DMatrix(
        np.array(flatten(train.windows)),
        label=train.labels,
        weight=[balance[label] for label in train.labels],
    )
    val_rows = xgboost.DMatrix(np.array(flatten(val.windows)))
    booster = xgboost.Booster(
        {
            "objective": "multi:softprob",
            "num_class": len(CLASSES),
            "eta": config.learning_rate,
            "max_depth": config.max_depth,
            "lambda": config.l2,
            "subsample": config.subsample,
            "seed": run.seed,
            "nthread": 1,
        },
        [train_rows],
    )
    for epoch in range(1, config.epochs + 1):
        booster.update(train_rows, epoch - 1)
        probabilities = booster.predict(val_rows).tolist()
        run.log.epoch(
            epoch,
            config.epochs,
            train_loss=log_loss(booster.predict(train_rows).tolist(), train.labels),
            val_loss=log_loss(probabilities, val.labels),
            val_acc=accuracy(probabilities, val.labels),
        )
    return probabilities
