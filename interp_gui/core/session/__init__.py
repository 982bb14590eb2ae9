"""The session: what a person was working on, as one file."""
