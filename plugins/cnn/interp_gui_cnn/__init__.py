"""Methods for convolutional networks: Grad-CAM."""

__version__ = "0.1.0"


def plugin() -> object:
    """What interp-gui asks for when it starts its engine."""
    from interp_gui.plugins import Plugin
    from interp_gui_cnn.grad_cam import ANALYSIS

    return Plugin(name="interp-gui-cnn", version=__version__, api_version=1, analyses=(ANALYSIS,))
