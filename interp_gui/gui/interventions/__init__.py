"""The intervention panel: edits as rows, what they do, and how they are kept."""
