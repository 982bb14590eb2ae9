import msgspec
import pytest

from interp_gui.core.analysis import AnalysisInfo
from interp_gui.gui.state import OpenModelState
from interp_gui.gui.tabs.analysis_tab import AnalysisTab

COMPARE = AnalysisInfo(
    id="compare-models", title="Compare", summary="Two models.", needs=("other",),
    produces=("table",), parameters=(),
)  # fmt: skip


@pytest.fixture
def tab(state, bridge, actions, ready, qtbot):
    widget = AnalysisTab(state, bridge, actions, COMPARE)
    qtbot.addWidget(widget)
    return widget


def test_a_second_model_has_to_be_open(tab, state, model, image):
    assert tab.what_is_missing() == "Open a second model to compare with."
    second = OpenModelState("second", msgspec.structs.replace(state.model.description), "/y.pth")
    state.set_models((*state.models, second))
    assert not tab.what_is_missing()
    request = tab.request()
    assert (request.model, request.other) == (state.model.handle, "second")
    state.set_models(state.models[:1])
    assert tab.request() is None
