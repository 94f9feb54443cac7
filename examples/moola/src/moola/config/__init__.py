"""Where things are, and the numbers every model is trained with."""
