import pytest
from PySide6.QtWidgets import QWidget

from interp_gui.core.analysis import Inputs
from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.feature import Feature
from interp_gui.core.target import Target
from interp_gui.engine.messages import OpenModel, Run
from interp_gui.gui.jobs.row import JobRow
from interp_gui.gui.panels.jobs_again import JobActions, open_paths, tab_of

UNIT = Feature(layer="features.14", units=(7,))


class Centre:
    """Analysis tabs that write down what they adopt."""

    def __init__(self):
        self.tabs, self.adopted = {}, []

    def show_analysis(self, name):
        tab = QWidget()
        tab.adopt_request = lambda request, *, run: self.adopted.append((request, run))
        self.tabs.setdefault(f"analysis:{name}", tab)

    def tab(self, name):
        return self.tabs.get(name)

    def reveal_job(self, view):
        self.revealed = view if view.partition("@")[0] in self.tabs else ""
        return bool(self.revealed)


@pytest.fixture
def centre(qtbot):
    centre = Centre()
    yield centre
    for tab in centre.tabs.values():
        tab.deleteLater()


@pytest.fixture
def opened():
    return []


@pytest.fixture
def acts(state, bridge, centre, opened, model):
    state.set_model(model)
    images = tuple(ImageEntry(path=f"/pictures/{name}.png") for name in "ab")
    state.set_dataset(Dataset(images=images), "images-2")
    return JobActions(state, bridge, opened.append, lambda: centre, state)


def row(request, view="", **values):
    return JobRow(job=1, title="Brightness", request=request, view=view, state="finished", **values)


def request(**inputs):
    values = {"images": ("/pictures/b.png",), "layer": "features.1", "features": (UNIT,), **inputs}
    return Run(
        analysis="brightness", model="model-1", inputs=Inputs(**values), dataset="images-1",
        parameters={"steps": 9}, state={"half": 1},
    )  # fmt: skip


def test_the_result_is_shown_where_it_is_with_what_it_was_about(acts, state, centre):
    centre.show_analysis("brightness")
    target = Target(index=3)
    acts.show_result(row(request(target=target), "analysis:brightness@2"))
    assert centre.revealed == "analysis:brightness@2", "the very view that asked"
    assert state.image == "/pictures/b.png"
    assert state.feature == UNIT
    assert state.layer == "features.1"
    assert state.target == target


def test_a_view_that_comes_back_by_itself_is_opened_anew(acts, state):
    acts.show_result(row(request(), "unit-examples@3"))
    assert state.tab == "unit"


def test_a_result_whose_view_was_closed_is_offered_again(acts, state, centre):
    told = []
    state.notified.connect(told.append)
    acts.show_result(row(request(), "analysis:brightness"))
    assert "closed" in told[0].message
    told[0].on_action()
    assert [run for _, run in centre.adopted] == [True]


def test_running_again_asks_for_the_same_on_the_images_at_hand(acts, centre):
    acts.run_again(row(request()))
    acts.change(row(request()))
    (again, run), (changed, later) = centre.adopted
    assert (run, later) == (True, False)
    assert again == changed
    assert again.inputs == request().inputs
    assert again.parameters == {"steps": 9}
    assert again.dataset == "images-2"
    assert again.state is None, "from the beginning"


def test_a_model_is_opened_again_by_its_path(acts, opened):
    acts.run_again(row(OpenModel(model="m", path="/models/net.pt")))
    assert opened == ["/models/net.pt"]


def test_what_is_no_longer_there_is_said_or_left_alone(acts, state, centre):
    told = []
    state.notified.connect(told.append)
    before = state.image
    acts.show_result(row(request(images=("/gone.png",), layer="nowhere", features=())))
    assert (state.image, state.layer) == (before, "")
    gone = Run(analysis="brightness", model="closed", inputs=Inputs())
    acts.run_again(row(gone))
    assert centre.adopted == []
    assert told[-1].message == "The model of this job is closed."


@pytest.mark.parametrize(
    ("view", "tab"),
    [("analysis:x", "analysis:x"), ("analysis:x@3", "analysis:x"), ("unit-examples", "unit"),
     ("image-ranking@1", "image"), ("wall-examples", "wall"), ("open-model", "image"), ("", "")],
)  # fmt: skip
def test_every_view_has_its_tab(view, tab):
    assert tab_of(row(None, view)) == tab


def test_folders_of_all_that_is_open_are_known(acts, state):
    known = open_paths(state)
    assert "/models/small.pth" in known
    assert "/pictures/x" in known
