"""The guided start on the real interface."""
