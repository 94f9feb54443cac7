"""Weights that make the rare classes count as much as the common ones."""

from __future__ import annotations

from moola.utils.dataset import CLASSES


def class_weights(labels: list[int]) -> list[float]:
    """One weight per class, 1.0 for the rarest; shape (classes,)."""
    counts = [labels.count(label) for label in range(len(CLASSES))]
    rarest = min(counts)
    return [rarest / count for count in counts]
