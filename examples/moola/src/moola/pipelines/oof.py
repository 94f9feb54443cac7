"""Out-of-fold training: each window's probabilities come from a model that never saw it."""

from __future__ import annotations

from dataclasses import replace

from moola.config.paths import DATA, LABELS, oof_file
from moola.models.run import FoldTrainer, Run
from moola.utils.dataset import Dataset, Matrix, Row, load_dataset
from moola.utils.features import align
from moola.utils.folds import stratified_folds
from moola.utils.npy import write_labels, write_matrix
from moola.utils.scores import say_scores

FOLDS = 5


def train_oof(model: str, trainer: FoldTrainer, run: Run) -> None:
    """Train one base model on all folds and keep its probabilities, shape (n, classes)."""
    dataset = align(load_dataset(DATA))
    run.log.say(f"oof {model}: {len(dataset)} windows, seed {run.seed}, device {run.device}")
    run.log.say(f"{run.config}")
    save_oof(model, run, dataset, out_of_fold(trainer, run, dataset))


def out_of_fold(trainer: FoldTrainer, run: Run, dataset: Dataset) -> Matrix:
    """Probabilities of all windows in the data set's order, shape (n, classes)."""
    rows: list[Row] = [[] for _ in range(len(dataset))]
    for fold in stratified_folds(dataset.labels, FOLDS, run.seed):
        train, val = dataset.take(fold.train), dataset.take(fold.val)
        run.log.say(f"Fold {fold.number}/{FOLDS}: train on {len(train)}, validate on {len(val)}")
        fold_run = replace(run, seed=run.seed + fold.number)
        for at, row in zip(fold.val, trainer(fold_run, train, val), strict=True):
            rows[at] = row
    return rows


def save_oof(model: str, run: Run, dataset: Dataset, rows: Matrix) -> None:
    """Say how good the probabilities are and keep them beside the labels."""
    say_scores(run.log, rows, dataset.labels)
    path = oof_file(model, run.seed)
    write_labels(LABELS, dataset.labels)
    write_matrix(path, rows)
    run.log.say(f"saved {path} ({len(rows)}, {len(rows[0])})")
