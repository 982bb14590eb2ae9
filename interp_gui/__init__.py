"""interp-gui: look inside vision networks and change them by hand."""

import os

__version__ = "0.1.0"

# ONNX Runtime reports to its maker from the moment it is imported, and keeps what it could not send
# in a file of its own. It asks for this name then and only then, wherever it is first imported.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
