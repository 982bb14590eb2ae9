import contextlib
import io
import shlex

import msgspec
import numpy as np
import pytest
from PIL import Image
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QHBoxLayout, QMenu, QTableView, QWidget

from interp_gui.cli.output import Output
from interp_gui.cli.session import images_at_hand
from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.feature import Feature
from interp_gui.core.folders import scan
from interp_gui.core.images import image_sha256
from interp_gui.core.model import Preprocessing
from interp_gui.core.places import data_folder
from interp_gui.core.recipe import ModelIdentity, Recipe
from interp_gui.core.result import RESULT_KINDS, Picture, Table
from interp_gui.gui.commands.report import _copy_focused
from interp_gui.gui.export_ui import Exportable, connect_export
from interp_gui.gui.report.keeping import belongs, copy_code, focused_view, keep_all
from interp_gui.gui.report.kept import kept_of
from interp_gui.gui.shared import background_of
from interp_gui.gui.widgets.views import view_for

UNIT, OTHER = (Feature(layer="features.14", units=(u,)) for u in (7, 8))


def recipe(**fields):
    identity = ModelIdentity(
        name="small.pth", weights_sha256="b0353104" * 8, architecture="n", library="t"
    )
    base = Recipe(analysis="activation-maps", model=identity, preprocessing=Preprocessing())
    return msgspec.structs.replace(base, **fields)


def picture(feature=None, key="p"):
    return Picture(key=key, title="A unit", feature=feature, pixels=np.zeros((4, 4, 3), "u1"))


def numbers():
    return Table(key="t", title="Numbers", columns=("a",), cells=((1,),))


@pytest.fixture
def folder_of_classes(tmp_path):
    for label in ("cat", "dog", "emu"):
        (tmp_path / "classes" / label).mkdir(parents=True)
        for i in range(6):
            Image.new("RGB", (2, 2), (i, 0, 0)).save(tmp_path / "classes" / label / f"{i}.png")
    return str(tmp_path / "classes")


@pytest.fixture
def page(qtbot, state):
    """Three results side by side, as on an analysis tab."""
    widget = QWidget()
    qtbot.addWidget(widget)
    row = QHBoxLayout(widget)
    widget.views = []
    for result in (numbers(), picture(UNIT), picture(OTHER, "o")):
        view = view_for(result, recipe(result=result.key))
        connect_export(view, state)
        row.addWidget(view)
        widget.views.append(view)
    widget.show()
    yield widget
    background_of(state).close()


def test_a_menu_keeps_the_result_with_what_belongs_to_it(page, state):
    table, unit, other = page.views
    menu = QMenu(page)
    unit.fill_menu(menu)
    titles = [action.text() for action in menu.actions() if action.text()]
    assert titles == [
        "Copy picture", "Export…", "Keep for the report", "Copy as command line", "Copy as Python"
    ]  # fmt: skip
    next(a for a in menu.actions() if a.text() == "Keep for the report").trigger()
    (item,) = kept_of(state).items
    assert item.result is unit.result
    assert item.companions == (table.result,), "the numbers of its run, not the other unit"
    assert item.recipe == unit.recipe
    menu.deleteLater()
    assert other


def test_keeping_twice_is_said(page, state):
    told = []
    state.notified.connect(told.append)
    for _ in range(2):
        page.views[1].keep_requested.emit()
    assert len(kept_of(state).items) == 1
    assert "already" in told[-1].message
    state.undo.undo()
    assert kept_of(state).items == ()


def test_what_has_the_focus_is_kept_or_what_the_page_is_about(page, qtbot):
    table, unit, _ = page.views
    with qtbot.waitActive(page):
        page.activateWindow()
    table.findChild(QTableView).setFocus()
    assert focused_view(page) is table
    QApplication.focusWidget().clearFocus()
    assert focused_view(page) is unit, "a picture comes before numbers"
    assert focused_view(QWidget()) is None
    assert focused_view(None) is None


@pytest.mark.parametrize(
    ("mine", "theirs", "together"),
    [
        (picture(UNIT), picture(UNIT, "x"), True),
        (picture(UNIT), picture(OTHER), False),
        (picture(UNIT), numbers(), True),
    ],
)
def test_belonging(mine, theirs, together):
    assert belongs(mine, recipe(), Exportable(theirs, recipe(result="x"))) is together
    assert not belongs(mine, recipe(), Exportable(mine, recipe()))


@pytest.mark.parametrize("kind", RESULT_KINDS)
def test_every_kind_of_result_can_be_kept(state, kind):
    from interp_gui.gui.report.keeping import telling

    class Shown:
        key, title, feature = kind, "A result", None

    Shown.kind = kind
    assert telling([Exportable(Shown, None)]).result is Shown


def test_an_answer_under_edits_is_kept_with_the_curves_of_its_run(state):
    from interp_gui.core.interventions.kinds import Intervention
    from interp_gui.core.result import Curve

    answer = Intervention(
        key="image-000", title="Before and after", output_kind="scalar",
        before=np.zeros(1, np.float32), after=np.ones(1, np.float32),
    )  # fmt: skip
    curve = Curve(
        key="strength", title="Strength", x=np.zeros(2, np.float32), ys=np.ones((1, 2), np.float32)
    )
    keep_all(state, [Exportable(r, recipe(result=r.key)) for r in (curve, answer)])
    (item,) = kept_of(state).items
    assert item.result is answer
    assert item.companions == (curve,)


def test_of_several_results_the_telling_one_is_kept_with_the_others(state):
    shown = Table(key="ranking", title="Ranking", columns=("a",), cells=((1,),))
    from interp_gui.core.result import Grid

    cards = Grid(key="units", title="Cards")
    found = [Exportable(r, recipe(result=r.key)) for r in (cards, shown)]
    keep_all(state, found)
    (item,) = kept_of(state).items
    assert item.result is shown
    assert item.companions == (cards,)
    keep_all(state, [])
    assert len(kept_of(state).items) == 1


def test_results_of_another_run_do_not_belong():
    other = recipe(parameters={"steps": 3})
    assert not belongs(numbers(), recipe(), Exportable(numbers(), other))


def test_the_command_names_what_is_open_here(state, model, pictures, qtbot):
    state.set_model(model)
    paths = tuple(str(path) for path in sorted(pictures.rglob("cat*.png")))
    state.set_dataset(Dataset(images=tuple(ImageEntry(path=path) for path in paths)), "d")
    state.set_image(paths[0])
    about = recipe(images=(image_sha256(paths[1]),), dataset="x" * 64, features=(UNIT,))
    told = []
    state.notified.connect(told.append)
    copy_code(state, about, "command")
    qtbot.waitUntil(lambda: len(told) == 1)
    line = shlex.split(QGuiApplication.clipboard().text().replace("\\\n", " "))
    assert line[line.index("--model") + 1] == "/models/small.pth"
    assert line[line.index("--image") + 1] == paths[1]
    at = line.index("--images")
    assert tuple(line[at + 1 : at + 4]) == paths
    copy_code(state, about, "python")
    qtbot.waitUntil(lambda: len(told) == 2)
    assert "open_model('/models/small.pth'" in QGuiApplication.clipboard().text()
    background_of(state).close()


def arguments(text):
    line = shlex.split(text.replace("\\\n", " "))
    at = line.index("--images") + 1
    return line[at : next(i for i in range(at, len(line)) if line[i].startswith("--"))]


def test_a_part_of_a_folder_is_copied_as_a_table_of_it(state, model, folder_of_classes, qtbot):
    state.set_model(model)
    listed = scan([folder_of_classes]).images[1:]
    state.set_dataset(Dataset(name="classes", images=listed), "d")
    told = []
    state.notified.connect(told.append)
    copy_code(state, recipe(dataset="x" * 64), "command")
    qtbot.waitUntil(lambda: len(told) == 1)
    given = arguments(QGuiApplication.clipboard().text())
    assert len(given) == 1
    assert given[0] in told[0].hint, "the toast says where the table is"
    with contextlib.redirect_stderr(io.StringIO()):
        assert images_at_hand(given, Output(json=False)).images == listed
    copy_code(state, recipe(dataset="x" * 64), "python")
    qtbot.waitUntil(lambda: len(told) == 2)
    assert f"images=[{given[0]!r}]" in QGuiApplication.clipboard().text()
    assert len(list((data_folder() / "image-lists").iterdir())) == 1, "the same table again"
    background_of(state).close()


def test_no_table_is_written_for_a_result_of_one_image(state, model, folder_of_classes, qtbot):
    state.set_model(model)
    state.set_dataset(Dataset(images=scan([folder_of_classes]).images[1:]), "d")
    told = []
    state.notified.connect(told.append)
    copy_code(state, recipe(), "command")
    qtbot.waitUntil(lambda: len(told) == 1)
    assert "--images" not in QGuiApplication.clipboard().text()
    assert not (data_folder() / "image-lists").exists()
    background_of(state).close()


def test_what_has_no_recipe_is_said(state):
    told = []
    state.notified.connect(told.append)
    copy_code(state, None, "python")
    assert "no recipe" in told[0].message


def test_the_window_keeps_and_shows_the_report(window, qtbot):
    from interp_gui.gui.report.dialog import ReportDialog

    actions = window.actions_
    assert actions["report.keep"].shortcut().toString() == "Ctrl+Shift+D"
    kept_of(window.state).keep(picture(), None)
    actions["report.show"].trigger()
    actions["report.show"].trigger()
    (dialog,) = window.findChildren(ReportDialog)
    assert dialog.model.rowCount() == 1
    dialog.close()
    told = []
    window.state.notified.connect(told.append)
    from interp_gui.gui.commands.report import _keep_focused

    _keep_focused(window)
    assert "no result in front" in told[-1].message


def test_copying_code_is_found_in_menu_and_palette(window, page, monkeypatch, qtbot):
    from interp_gui.gui.centre import Centre

    actions, state = window.actions_, window.state
    copies = [actions[f"report.copy_{language}"] for language in ("command", "python")]
    actions.refresh()
    assert not any(action.isEnabled() for action in copies)
    assert "Open a model first." in copies[0].toolTip()
    titles = [action.text().replace("&", "") for action in copies]
    assert titles == ["Copy as command line", "Copy as Python"]
    told = []
    state.notified.connect(told.append)
    monkeypatch.setattr(Centre, "active", page)
    for language, words in (
        ("command", "interp-gui run activation-maps"),
        ("python", "open_model"),
    ):
        before = len(told)
        _copy_focused(window, language)
        qtbot.waitUntil(lambda before=before: len(told) > before)
        assert words in QGuiApplication.clipboard().text()


def test_copying_code_of_nothing_is_said(window):
    told = []
    window.state.notified.connect(told.append)
    _copy_focused(window, "python")
    assert "no result in front" in told[-1].message
