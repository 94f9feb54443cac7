"""One module per model; each imports its packages itself, so logreg needs none."""
