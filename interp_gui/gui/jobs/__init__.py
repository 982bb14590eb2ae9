"""What a job is to the window."""
