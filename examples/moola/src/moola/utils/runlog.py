"""What a run says: each line at once on stdout and in a file under logs/."""

from __future__ import annotations

import math
import traceback
from pathlib import Path
from types import TracebackType


class RunLog:
    """Says lines. As a context manager it also keeps the traceback of what went wrong."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("w", encoding="utf-8", buffering=1)

    def __enter__(self) -> RunLog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self._file.writelines(traceback.format_exception(kind, error, trace))
        self._file.close()

    def say(self, line: str) -> None:
        """Say one line, now."""
        print(line, flush=True)
        self._file.write(line + "\n")

    def epoch(self, number: int, total: int, **metrics: float) -> None:
        """Say an epoch's metrics: `Epoch 3/30 | train_loss 0.5123 | val_acc 0.8123`."""
        named = [f"{name} {readable(value)}" for name, value in metrics.items()]
        self.say(" | ".join([f"Epoch {number}/{total}", *named]))


def readable(value: float) -> str:
    """Four decimals, or powers of ten for what would be endless: 0.5123, 3.142e+20, nan."""
    return f"{value:.4f}" if not math.isfinite(value) or abs(value) < 1e6 else f"{value:.3e}"
