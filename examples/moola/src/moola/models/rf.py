"""Random forest over all prices of a window (scikit-learn). Always on the CPU."""

from __future__ import annotations

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from moola.config.training import ForestConfig
from moola.models.run import Run
from moola.utils.balance import class_weights
from moola.utils.dataset import Dataset, Matrix
from moola.utils.features import flatten
from moola.utils.scores import accuracy, log_loss


def train_fold(run: Run[ForestConfig], train: Dataset, val: Dataset) -> Matrix:
    """Class probabilities of the validation windows, shape (n, classes)."""
    config = run.config
    train_rows, val_rows = np.array(flatten(train.windows)), np.array(flatten(val.windows))
    forest = RandomForestClassifier(
        n_estimators=0,
        max_depth=config.max_depth,
        min_samples_leaf=config.min_samples_leaf,
        class_weight=dict(enumerate(class_weights(train.labels))),
        random_state=run.seed,
        warm_start=True,  # keep the trees of the epochs before
    )
    for epoch in range(1, config.epochs + 1):
        forest.n_estimators += config.trees_per_epoch
        forest.fit(train_rows, train.labels)
        probabilities = forest.predict_proba(val_rows).tolist()
        run.log.epoch(
            epoch,
            config.epochs,
            train_loss=log_loss(forest.predict_proba(train_rows).tolist(), train.labels),
            val_loss=log_loss(probabilities, val.labels),
            val_acc=accuracy(probabilities, val.labels),
        )
    return probabilities
