import json
import os

import pytest

from interp_gui.core.analysis import parameter_infos
from interp_gui.core.errors import InvalidValue
from interp_gui.gui.preferences.declaration import PAGES, Preferences, engine_variables
from interp_gui.gui.settings import (
    FORMAT_VERSION,
    RECENT,
    Settings,
    config_folder,
    from_text,
    to_text,
)


def test_values_come_back(tmp_path):
    settings = Settings(tmp_path)
    settings.prefer(theme="dark")
    settings.change(last_folder="/pictures")
    settings.add_recent_model("/a.pth", "aa")
    again = Settings(tmp_path)
    assert again.values == settings.values
    assert again.preferences.theme == "dark"


def test_recent_models_newest_first_without_repetition(tmp_path):
    settings = Settings(tmp_path)
    for i in (*range(RECENT + 5), 3):
        settings.add_recent_model(f"/{i}.pth", str(i))
    paths = [m.path for m in settings.values.recent_models]
    assert paths[0] == "/3.pth"
    assert len(paths) == RECENT == len(set(paths))


def test_a_recent_model_is_found_by_its_weights(tmp_path):
    settings = Settings(tmp_path)
    file = tmp_path / "m.pth"
    file.write_bytes(b"x")
    settings.add_recent_model(str(file), "abc")
    settings.add_recent_model("/gone.pth", "def")
    assert settings.model_with("abc") == str(file)
    assert settings.model_with("def") == ""


@pytest.mark.parametrize("content", [b"", b"{", b'{"theme": "pink"}', b"\xff\xfe", b"[1]"])
def test_a_damaged_file_is_put_aside(tmp_path, content):
    (tmp_path / "settings.json").write_bytes(content)
    settings = Settings(tmp_path)
    assert settings.preferences.theme == "system"
    assert "could not be read" in settings.problem
    assert (tmp_path / "settings.json.damaged").read_bytes() == content
    settings.prefer(theme="light")
    assert Settings(tmp_path).preferences.theme == "light"


def test_unknown_keys_of_a_newer_version_are_ignored(tmp_path):
    (tmp_path / "settings.json").write_text('{"theme": "dark", "future": 1}')
    assert Settings(tmp_path).preferences.theme == "dark"


def test_a_folder_that_cannot_be_written_is_said_and_survived(tmp_path):
    (tmp_path / "file").write_text("")
    settings = Settings(tmp_path / "file" / "below")
    settings.prefer(theme="dark")
    assert settings.preferences.theme == "dark"
    assert "could not be" in settings.problem


def test_nothing_half_written_is_left(tmp_path, monkeypatch):
    settings = Settings(tmp_path)
    settings.prefer(theme="dark")

    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    settings.prefer(theme="light")
    assert "No space left" in settings.problem
    monkeypatch.undo()
    assert [p.name for p in tmp_path.iterdir()] == ["settings.json"]
    assert Settings(tmp_path).preferences.theme == "dark"


def test_the_environment_overrides_the_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("INTERP_GUI_CONFIG", str(tmp_path / "here"))
    assert config_folder() == tmp_path / "here"


def test_bytes_as_text():
    assert from_text(to_text(b"\x00\xff")) == b"\x00\xff"
    assert from_text("not base64!") == b""


def content(folder):
    return json.loads((folder / "settings.json").read_text())


def test_only_what_differs_from_the_defaults_is_written(tmp_path):
    settings = Settings(tmp_path)
    settings.prefer(theme="dark", text_size_percent=150)
    assert content(tmp_path) == {
        "version": FORMAT_VERSION,
        "preferences": {"theme": "dark", "text_size_percent": 150},
    }
    settings.prefer(theme="system", text_size_percent=100)
    assert content(tmp_path) == {"version": FORMAT_VERSION}


def test_what_is_out_of_bounds_is_refused_and_nothing_is_changed(tmp_path):
    settings = Settings(tmp_path)
    with pytest.raises(InvalidValue, match="5"):
        settings.prefer(theme="dark", text_size_percent=5)
    assert settings.preferences == Preferences()
    assert not settings.path.exists()


def test_one_impossible_preference_costs_only_itself(tmp_path):
    (tmp_path / "settings.json").write_text(
        '{"version": 2, "preferences": {"theme": "dark", "text_size_percent": 9000},'
        ' "last_folder": "/pictures"}'
    )
    settings = Settings(tmp_path)
    assert settings.preferences == Preferences(theme="dark")
    assert settings.values.last_folder == "/pictures"
    assert "'text size'" in settings.problem


def test_preferences_of_a_newer_version_survive_and_a_copy_is_kept(tmp_path):
    written = '{"version": 9, "preferences": {"theme": "dark", "hologram": "on"}}'
    (tmp_path / "settings.json").write_text(written)
    settings = Settings(tmp_path)
    assert (tmp_path / "settings.json.v9").read_text() == written
    settings.prefer(theme="light")
    assert content(tmp_path)["preferences"] == {"hologram": "on", "theme": "light"}


def test_the_first_format_is_migrated_and_its_file_kept(tmp_path):
    written = '{"theme": "dark", "last_folder": "/pictures"}'
    (tmp_path / "settings.json").write_text(written)
    settings = Settings(tmp_path)
    assert settings.preferences.theme == "dark"
    assert settings.values.last_folder == "/pictures"
    assert (tmp_path / "settings.json.v1").read_text() == written


def test_damaged_files_are_all_kept(tmp_path):
    for i in range(3):
        (tmp_path / "settings.json").write_text(f"{{broken {i}")
        Settings(tmp_path)
    kept = sorted(p.name for p in tmp_path.iterdir())
    assert kept == ["settings.json.damaged", "settings.json.damaged-2", "settings.json.damaged-3"]


def test_who_watches_is_told_of_changes_only(tmp_path):
    settings, seen = Settings(tmp_path), []
    settings.watch(lambda: seen.append(settings.preferences.theme))
    settings.prefer(theme="dark")
    settings.prefer(theme="dark")
    assert seen == ["dark"]


def test_every_preference_stands_on_one_page_and_says_what_it_does():
    shown = [name for names in PAGES.values() for name in names]
    infos = {info.name: info for info in parameter_infos(Preferences)}
    assert sorted(shown) == sorted(infos)
    assert all(info.help.endswith(".") and info.title for info in infos.values())


def test_an_engine_with_default_preferences_is_left_alone():
    assert engine_variables(Preferences()) == {}
    changed = Preferences(device="cpu", onnx_runtime="never", threads=3, cache_limit_mb=100)
    assert engine_variables(changed) == {
        "INTERP_GUI_DEVICE": "cpu",
        "INTERP_GUI_RUNTIME": "torch",
        "OMP_NUM_THREADS": "3",
        "MKL_NUM_THREADS": "3",
        "INTERP_GUI_CACHE_LIMIT_MB": "100",
    }


@pytest.mark.skipif(os.name == "nt", reason="links are those of POSIX")
def test_settings_that_are_a_link_stay_one(tmp_path):
    Settings(tmp_path / "shared").prefer(theme="dark")
    (tmp_path / "own").mkdir()
    (name,) = (file.name for file in (tmp_path / "shared").iterdir())
    link = tmp_path / "own" / name
    link.symlink_to(tmp_path / "shared" / name)
    Settings(tmp_path / "own").prefer(theme="light")
    assert link.is_symlink()
    assert Settings(tmp_path / "shared").preferences.theme == "light"
