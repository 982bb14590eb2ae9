"""What a user can set, and the dialog for it."""
