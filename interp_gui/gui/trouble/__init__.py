"""Crashes, failures, and what is wrong with an installation."""
