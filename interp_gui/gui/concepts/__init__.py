"""Concepts: examples with something and without it, and the direction between them."""
