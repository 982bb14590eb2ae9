import pytest
from PySide6.QtWidgets import QApplication, QComboBox, QSpinBox

from interp_gui.core.device import DeviceInfo
from interp_gui.engine.cache import Cache
from interp_gui.gui.preferences.declaration import PAGES, Preferences
from interp_gui.gui.preferences.dialog import PreferencesDialog


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("INTERP_GUI_CACHE", str(tmp_path / "cache"))
    cache = Cache.default()
    cache.put({"a": 1}, {"text": "x" * 3_000_000})
    return cache


@pytest.fixture
def dialog(window, cache):
    dialog = PreferencesDialog(window.settings, window.state, window.bridge, window)
    dialog.open()
    yield dialog
    dialog.close()


def test_a_change_counts_at_once(dialog, window):
    theme = dialog.forms["Appearance"].control("theme")
    assert isinstance(theme, QComboBox)
    theme.setCurrentIndex(theme.findData("dark"))
    assert window.theme.dark
    assert window.settings.preferences.theme == "dark"


def test_text_grows_and_shrinks_back(dialog, qapp):
    before = QApplication.font().pointSizeF()
    size = dialog.forms["Appearance"].control("text_size_percent")
    assert isinstance(size, QSpinBox)
    size.setValue(150)
    assert QApplication.font().pointSizeF() == pytest.approx(1.5 * before)
    dialog.reset.click()
    assert QApplication.font().pointSizeF() == pytest.approx(before)


def test_defaults_are_restored(dialog, window):
    window.settings.prefer(confirm_after_s=600, device="cpu")
    dialog.forms["Working"].control("confirm_after_s").setValue(601)
    dialog.reset.click()
    assert window.settings.preferences.confirm_after_s == Preferences().confirm_after_s


def test_every_page_can_be_turned_to_by_name(dialog):
    for i, title in enumerate(PAGES):
        dialog.show_page(title)
        assert dialog.stack.currentIndex() == i
    dialog.show_page("No such page")
    assert dialog.stack.currentIndex() == 0


def test_devices_are_listed_with_the_reason_why_not(dialog, relay, greet, qtbot):
    gpu = DeviceInfo(
        name="cuda:0", title="NVIDIA GPU", available=False, reason="no driver was found"
    )
    relay(greet(devices=(DeviceInfo(name="cpu", title="CPU", available=True), gpu)))
    qtbot.waitUntil(lambda: "no driver was found" in dialog.devices.text())
    assert "CPU: can be used." in dialog.devices.text()


def test_the_cache_shows_its_size_and_is_emptied(dialog, cache, qtbot):
    box = dialog.cache
    qtbot.waitUntil(lambda: "3 MB" in box.used.text())
    box.empty.click()
    qtbot.waitUntil(lambda: box.used.text() == "0 MB in use")
    assert cache.size_bytes == 0
    assert not box.empty.isEnabled()


class Engine:
    variables: dict[str, str]

    def __init__(self):
        self.variables = {}


def test_another_device_starts_the_engine_anew(window, client, relay, greet, qtbot):
    from interp_gui.gui.preferences.keeper import PreferenceKeeper

    engine = Engine()
    PreferenceKeeper(window.state, window.bridge, window.theme, window.settings, engine)
    window.settings.prefer(device="cpu")
    assert engine.variables == {"INTERP_GUI_DEVICE": "cpu"}
    assert ("restart",) in client.calls
    before = client.calls.count(("restart",))
    window.settings.prefer(theme="dark")
    assert client.calls.count(("restart",)) == before


def test_with_reduced_motion_bars_do_not_run_to_and_fro(window):
    from PySide6.QtWidgets import QProgressBar

    from interp_gui.gui import theme
    from interp_gui.gui.parts import show_busy

    bar = QProgressBar(window)
    show_busy(bar)
    assert bar.maximum() == 0
    window.settings.prefer(reduced_motion=True)
    assert theme.is_still()
    show_busy(bar)
    assert (bar.minimum(), bar.maximum(), bar.value()) == (0, 1, 0)
    window.settings.prefer(reduced_motion=False)
    assert not theme.is_still()
