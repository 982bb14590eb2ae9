"""Reports: chosen results with their notes and recipes, as one HTML or PDF file."""
