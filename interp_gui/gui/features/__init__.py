"""What can be done with a feature, wherever it is seen."""
