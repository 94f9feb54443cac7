"""Pretraining: the encoder learns to guess hidden bars from the ones around them.

It sees all windows but no labels, so the folds of `oof` stay honest about classes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from moola.config.paths import DATA, ENCODER
from moola.config.training import PretrainConfig
from moola.models.encoder import WIDTH, Encoder, save_encoder
from moola.models.run import Run
from moola.models.torch_training import fit, seed_torch
from moola.utils.dataset import PRICES, load_dataset
from moola.utils.features import align

VAL_SHARE = 0.2  # of the windows


def pretrain(run: Run[PretrainConfig]) -> None:
    """Train the encoder and keep its weights for `oof --load-pretrained-encoder`."""
    seed_torch(run.seed)
    device = torch.device(run.device)
    windows = torch.tensor(align(load_dataset(DATA)).windows, device=device)
    windows = windows[torch.randperm(len(windows))]
    held_out = round(VAL_SHARE * len(windows))
    val, train = windows[:held_out], windows[held_out:]
    run.log.say(f"pretrain: {len(train)} windows, seed {run.seed}, device {run.device}")
    run.log.say(f"{run.config}")

    encoder = Encoder(dropout=0.0).to(device)
    model = nn.Sequential(encoder, nn.Linear(WIDTH, len(PRICES))).to(device)
    val_mask = _random_mask(val, run.config.mask_share)

    def batch_loss(batch: Tensor) -> Tensor:
        chosen = train[batch]
        return _guess_loss(model, chosen, _random_mask(chosen, run.config.mask_share))

    def validate() -> dict[str, float]:
        return {"val_loss": _guess_loss(model, val, val_mask).item()}

    fit(model, run, len(train), batch_loss, validate)
    save_encoder(encoder, ENCODER)
    run.log.say(f"saved {ENCODER}")


def _random_mask(windows: Tensor, share: float) -> Tensor:
    """True for the bars to hide; shape (n, BARS, 1)."""
    return torch.rand(*windows.shape[:2], 1).to(windows.device) < share


def _guess_loss(model: nn.Module, windows: Tensor, mask: Tensor) -> Tensor:
    """Mean squared error of the guessed prices of the hidden bars, in average bar heights."""
    guesses = model(windows.masked_fill(mask, 0.0))
    return ((guesses - windows) ** 2 * mask).sum() / (mask.sum() * len(PRICES))
