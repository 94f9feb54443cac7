"""From prices in ticks to numbers a model can learn from."""

from __future__ import annotations

import math
from statistics import fmean

from moola.utils.dataset import Dataset, Matrix, Row

Scaling = list[tuple[float, float]]  # (mean, standard deviation) of each feature


def align_window(window: Matrix) -> Matrix:
    """Prices from the first open, in average bar heights, turned so the larger move is up.

    Shape (BARS, 4) in ticks -> the same shape without unit. A market that fell and one that
    rose in the same way become the same window.
    """
    start = window[0][0]
    height = fmean(high - low for _, high, low, _ in window) or 1.0
    rise = max(high for _, high, _, _ in window) - start
    fall = start - min(low for _, _, low, _ in window)
    if rise >= fall:
        return [[(price - start) / height for price in bar] for bar in window]
    return [[(start - bar[at]) / height for at in (0, 2, 1, 3)] for bar in window]


def align(dataset: Dataset) -> Dataset:
    """The data set with every window aligned."""
    return Dataset([align_window(window) for window in dataset.windows], dataset.labels)


def flatten(windows: list[Matrix]) -> Matrix:
    """Shape (n, BARS, 4) -> (n, BARS * 4)."""
    return [[price for bar in window for price in bar] for window in windows]


def fit_scaling(rows: Matrix) -> Scaling:
    """Mean and standard deviation of each feature (column) of rows, shape (n, features)."""
    scaling = []
    for column in zip(*rows, strict=True):
        mean = fmean(column)
        deviation = math.sqrt(fmean((value - mean) ** 2 for value in column))
        scaling.append((mean, deviation or 1.0))  # a constant feature stays 0
    return scaling


def standardise(rows: Matrix, scaling: Scaling) -> Matrix:
    """Each feature around 0 in deviations of the training rows, each row of length about 1.

    That length makes a learning rate mean the same for few features and for many.
    """
    return [standardise_row(row, scaling) for row in rows]


def standardise_row(row: Row, scaling: Scaling) -> Row:
    """One row of `standardise`; the row and the scaling must have as many features."""
    pairs = zip(row, scaling, strict=True)
    length = math.sqrt(len(row))
    return [(value - mean) / (deviation * length) for value, (mean, deviation) in pairs]
