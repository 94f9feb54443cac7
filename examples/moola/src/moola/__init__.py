"""moola: classifies windows of market bars, one small model at a time."""
