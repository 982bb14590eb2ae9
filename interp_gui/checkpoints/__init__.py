"""A file or folder on disk becomes an opened model: formats, recognition, safety."""
