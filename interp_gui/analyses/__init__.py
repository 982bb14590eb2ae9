"""Verbs that serve any architecture, one module or folder each."""
