"""Models and images: opening, listing, closing."""
