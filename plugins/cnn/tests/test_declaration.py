from interp_gui.plugins import API_VERSION
from interp_gui_cnn import plugin


def test_the_plugin_describes_itself():
    found = plugin()
    assert found.name == "interp-gui-cnn"
    assert found.api_version == API_VERSION
    (analysis,) = found.analyses
    info = analysis.info(plugin=found.name)
    assert info.id == "grad-cam"
    assert [p.name for p in info.parameters] == ["method", "relu", "normalise", "upsampled"]
    assert all(p.help for p in info.parameters)
