"""interp-gui: look inside vision networks and change them by hand."""

__version__ = "0.1.0"
