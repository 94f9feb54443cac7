"""The command line: `python -m moola.cli oof | pretrain | stack-train`, from the project folder."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

from moola.config.paths import LOGS, checkpoint_file
from moola.config.training import BASE_MODELS, Config, PretrainConfig, StackConfig
from moola.models.run import Run, load_trainer
from moola.utils.runlog import RunLog

OVERRIDES = ("epochs", "batch_size", "learning_rate")
CPU_ONLY = ("logreg", "rf", "xgb", "stack-train")


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the arguments and do what they ask. Errors keep their tracebacks."""
    parser = build_parser()
    args = parser.parse_args(argv)
    name = args.model if args.command == "oof" else args.command
    config = overridden(parser, name, args)
    if args.encoder is not None and name != "cnn_transformer":
        parser.error(f"--load-pretrained-encoder is for cnn_transformer; {name} has no encoder")
    with RunLog(LOGS / f"{name}_seed_{args.seed}.log") as log:
        device = args.device
        if device != "cpu" and name in CPU_ONLY:
            log.say(f"note: {name} always trains on the CPU, --device {device} changes nothing")
            device = "cpu"
        checkpoint = checkpoint_file(name, args.seed)
        run: Run = Run(config, args.seed, device, args.encoder, log, checkpoint)
        if args.command == "oof":
            from moola.pipelines.oof import train_oof

            train_oof(name, load_trainer(name), run)
        elif args.command == "pretrain":
            from moola.pipelines.pretrain import pretrain

            pretrain(run)
        else:
            from moola.pipelines.stack import train_stack

            train_stack(run)


def build_parser() -> argparse.ArgumentParser:
    """All commands and options."""
    parser = argparse.ArgumentParser(prog="python -m moola.cli", description=__doc__)
    parser.set_defaults(encoder=None)
    commands = parser.add_subparsers(dest="command", required=True)

    oof = commands.add_parser("oof", help="train one model out of fold")
    oof.add_argument("--model", required=True, choices=list(BASE_MODELS))
    oof.add_argument(
        "--load-pretrained-encoder",
        dest="encoder",
        type=Path,
        metavar="PATH",
        help="weights that pretrain made; for cnn_transformer",
    )
    pretrain = commands.add_parser("pretrain", help="train the encoder that cnn_transformer loads")
    stack = commands.add_parser("stack-train", help="train the stack ensemble on the oof arrays")

    for command in (oof, pretrain, stack):
        command.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
        command.add_argument("--seed", type=int, default=1337)
        command.add_argument("--epochs", type=positive_int, help="instead of the model's own")
        command.add_argument("--batch-size", type=positive_int, help="instead of the model's own")
        command.add_argument("--learning-rate", type=float, help="instead of the model's own")
    return parser


def overridden(parser: argparse.ArgumentParser, name: str, args: argparse.Namespace) -> Config:
    """The model's hyper-parameters from config/training.py with those of the command line."""
    special: dict[str, Config] = {"pretrain": PretrainConfig(), "stack-train": StackConfig()}
    config = special.get(name) or BASE_MODELS[name]
    given = {key: getattr(args, key) for key in OVERRIDES if getattr(args, key) is not None}
    for key in given.keys() - {field.name for field in fields(config)}:
        parser.error(f"{name} has no {key}")
    return replace(config, **given)


def positive_int(text: str) -> int:
    """A whole number from 1 up."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1: {text}")
    return number


if __name__ == "__main__":
    main()
