"""Side-by-side measurements against peers; never asserted in tests."""
