"""Logistic regression over all prices of a window. Needs no package at all."""

from __future__ import annotations

import random

from moola.config.training import LogregConfig
from moola.models.run import Run
from moola.models.softmax import fit
from moola.utils.dataset import Dataset, Matrix
from moola.utils.features import fit_scaling, flatten, standardise


def train_fold(run: Run[LogregConfig], train: Dataset, val: Dataset) -> Matrix:
    """Class probabilities of the validation windows, shape (n, classes)."""
    train_rows, val_rows = flatten(train.windows), flatten(val.windows)
    scaling = fit_scaling(train_rows)
    train_rows = standardise(train_rows, scaling)
    val_rows = standardise(val_rows, scaling)
    model = fit(
        run.config,
        (train_rows, train.labels),
        (val_rows, val.labels),
        random.Random(run.seed),
        run.log,
    )
    return model.probabilities(val_rows)
