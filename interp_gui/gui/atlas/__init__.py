"""The Atlas tab: the map of a layer, how it is looked at, and what leaves it."""
