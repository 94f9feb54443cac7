"""Stratified folds: every window is validated once, by a model that never saw it."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Fold:
    """Positions of the windows to train on and to validate on; `number` counts from 1."""

    number: int
    train: list[int]
    val: list[int]


def stratified_folds(labels: list[int], count: int, seed: int) -> list[Fold]:
    """Deal each class out over `count` folds. The same for all models of one seed."""
    rng = random.Random(seed)
    hands: list[list[int]] = [[] for _ in range(count)]
    dealt = 0
    for label in sorted(set(labels)):
        members = [at for at, other in enumerate(labels) if other == label]
        rng.shuffle(members)
        for member in members:
            hands[dealt % count].append(member)
            dealt += 1
    everything = range(len(labels))
    folds = []
    for number, hand in enumerate(hands, start=1):
        held_out = set(hand)
        folds.append(Fold(number, [at for at in everything if at not in held_out], sorted(hand)))
    return folds
