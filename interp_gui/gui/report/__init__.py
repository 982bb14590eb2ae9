"""The report of kept results: its list, its words, its export."""
