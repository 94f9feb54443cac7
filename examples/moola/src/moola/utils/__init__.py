"""Data, features, folds, files and logs. Plain Python throughout."""
