"""The stack ensemble: learns how far to trust each base model, from their out-of-fold arrays."""

from __future__ import annotations

import random

from moola.config.paths import DATA, oof_file
from moola.config.training import BASE_MODELS, StackConfig
from moola.models.run import Run
from moola.models.softmax import fit
from moola.pipelines.oof import out_of_fold, save_oof
from moola.utils.dataset import Dataset, Matrix, load_dataset
from moola.utils.features import fit_scaling, flatten, standardise
from moola.utils.npy import read_matrix

MIN_MODELS = 2


def train_stack(run: Run[StackConfig]) -> None:
    """Train on the base models that have predictions for this seed; keep the stack's own."""
    labels = load_dataset(DATA).labels
    names = [name for name in BASE_MODELS if oof_file(name, run.seed).is_file()]
    if len(names) < MIN_MODELS:
        raise FileNotFoundError(
            f"stack-train needs out-of-fold predictions of at least {MIN_MODELS} models for seed "
            f"{run.seed}, found {len(names)} ({', '.join(names) or 'none'}); "
            f"make more: python -m moola.cli oof --model NAME --seed {run.seed}"
        )
    run.log.say(f"stack: {len(labels)} windows, seed {run.seed}, from {', '.join(names)}")
    run.log.say(f"{run.config}")
    tables = [read_matrix(oof_file(name, run.seed)) for name in names]
    # One "bar" per base model: windows of shape (n, models, classes).
    dataset = Dataset([list(rows) for rows in zip(*tables, strict=True)], labels)
    save_oof("stack", run, dataset, out_of_fold(_train_fold, run, dataset))


def _train_fold(run: Run[StackConfig], train: Dataset, val: Dataset) -> Matrix:
    """Class probabilities of the validation windows, shape (n, classes)."""
    train_rows, val_rows = flatten(train.windows), flatten(val.windows)
    scaling = fit_scaling(train_rows)
    train_rows, val_rows = standardise(train_rows, scaling), standardise(val_rows, scaling)
    rng = random.Random(run.seed)
    model = fit(run.config, (train_rows, train.labels), (val_rows, val.labels), rng, run.log)
    return model.probabilities(val_rows)
