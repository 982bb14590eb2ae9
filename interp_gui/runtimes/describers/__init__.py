"""What layers are, and the sites within them that no module returns."""
