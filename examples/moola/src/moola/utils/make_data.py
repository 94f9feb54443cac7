"""Makes data/windows.csv: `python -m moola.utils.make_data` (always the same bytes).

Each window is 24 bars of a made-up market, up or down with equal chance, and belongs to one class:

* consolidation: the price is pulled back to where it began;
* retracement:   a strong move first, of which a good part is then given back;
* breakout:      quiet first, then a strong move that is kept.

Noise and weak moves make the classes overlap, so no model gets all of them right.
"""

from __future__ import annotations

import random

from moola.config.paths import DATA
from moola.utils.dataset import BARS, CLASSES, csv_header
from moola.utils.files import atomic_path

SEED = 20240611
COUNTS = {"consolidation": 120, "retracement": 100, "breakout": 80}
START_TICKS = 500


def drift(label: str, rng: random.Random) -> list[float]:
    """The noiseless close of each bar, in ticks from the start; shape (BARS,)."""
    height = rng.uniform(10.0, 36.0)
    if label == "consolidation":
        slope = rng.gauss(0.0, 0.4)
        return [slope * bar for bar in range(BARS)]
    if label == "retracement":
        top = rng.randint(8, 15)
        kept = 1.0 - rng.uniform(0.3, 0.8)
        return [
            height * bar / top
            if bar <= top
            else height * (1.0 - (1.0 - kept) * (bar - top) / (BARS - 1 - top))
            for bar in range(BARS)
        ]
    start = rng.randint(9, 18)
    return [height * max(0, bar - start) / (BARS - 1 - start) for bar in range(BARS)]


def make_window(label: str, rng: random.Random) -> list[int]:
    """Open, high, low, close of each bar in whole ticks; shape (BARS * 4,)."""
    direction = rng.choice((-1, 1))
    noise_ticks = rng.uniform(1.5, 4.0)
    memory = 0.7 if label == "consolidation" else 0.85
    wander, close, prices = 0.0, START_TICKS, []
    for level in drift(label, rng):
        wander = memory * wander + rng.gauss(0.0, noise_ticks)
        open_ = close + rng.choice((-1, 0, 0, 1))
        close = START_TICKS + round(direction * level + wander)
        high = max(open_, close) + round(abs(rng.gauss(0.0, noise_ticks)))
        low = min(open_, close) - round(abs(rng.gauss(0.0, noise_ticks)))
        prices += [open_, high, low, close]
    return prices


def main() -> None:
    """Write the data set, its windows in shuffled order."""
    rng = random.Random(SEED)
    labels = [label for label in CLASSES for _ in range(COUNTS[label])]
    rng.shuffle(labels)
    rows = [[label, *map(str, make_window(label, rng))] for label in labels]
    with atomic_path(DATA) as temporary:
        lines = [",".join(row) for row in [csv_header(), *rows]]
        temporary.write_bytes(("\n".join(lines) + "\n").encode())
    print(f"wrote {DATA}: {len(rows)} windows of {BARS} bars")


if __name__ == "__main__":
    main()
