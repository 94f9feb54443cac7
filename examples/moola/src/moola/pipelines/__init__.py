"""What the command line can ask for: oof, pretrain, stack-train."""
