"""The windows of bars and their classes."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

CLASSES = ("consolidation", "retracement", "breakout")
BARS = 24  # bars in a window
PRICES = ("open", "high", "low", "close")  # ticks

Row = list[float]
Matrix = list[Row]


@dataclass(frozen=True)
class Dataset:
    """`windows` has shape (n, BARS, 4), in ticks until scaled; `labels` index CLASSES."""

    windows: list[Matrix]
    labels: list[int]

    def __post_init__(self) -> None:
        if len(self.windows) != len(self.labels):
            raise ValueError(f"{len(self.windows)} windows for {len(self.labels)} labels")

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: list[int]) -> Dataset:
        """The windows at these positions, in this order."""
        return Dataset([self.windows[i] for i in indices], [self.labels[i] for i in indices])


def csv_header() -> list[str]:
    """Column names: the class, then four prices for each bar."""
    return ["label", *(f"{price}_{bar}" for bar in range(BARS) for price in PRICES)]


def load_dataset(path: Path) -> Dataset:
    """Read the CSV that `moola.utils.make_data` writes."""
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        if next(reader, None) != csv_header():
            raise ValueError(f"{path}: the columns are not those of moola.utils.make_data")
        windows, labels = [], []
        for label, *cells in reader:
            labels.append(CLASSES.index(label))
            prices = [float(cell) for cell in cells]
            windows.append([prices[at : at + 4] for at in range(0, BARS * 4, 4)])
    return Dataset(windows, labels)
