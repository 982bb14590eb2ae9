"""Images with labels: tables of them, what labels stand for, and what a model says of them all."""
