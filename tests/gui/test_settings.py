import os

import pytest

from interp_gui.gui.settings import RECENT, Settings, config_folder, from_text, to_text


def test_values_come_back(tmp_path):
    settings = Settings(tmp_path)
    settings.change(theme="dark", last_folder="/pictures")
    settings.add_recent_model("/a.pth", "aa")
    again = Settings(tmp_path)
    assert again.values == settings.values
    assert again.values.theme == "dark"


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
    assert settings.values.theme == "system"
    assert "could not be read" in settings.problem
    assert (tmp_path / "settings.json.damaged").read_bytes() == content
    settings.change(theme="light")
    assert Settings(tmp_path).values.theme == "light"


def test_unknown_keys_of_a_newer_version_are_ignored(tmp_path):
    (tmp_path / "settings.json").write_text('{"theme": "dark", "future": 1}')
    assert Settings(tmp_path).values.theme == "dark"


def test_a_folder_that_cannot_be_written_is_said_and_survived(tmp_path):
    (tmp_path / "file").write_text("")
    settings = Settings(tmp_path / "file" / "below")
    settings.change(theme="dark")
    assert settings.values.theme == "dark"
    assert "could not be" in settings.problem


def test_nothing_half_written_is_left(tmp_path, monkeypatch):
    settings = Settings(tmp_path)
    settings.change(theme="dark")

    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    settings.change(theme="light")
    assert "No space left" in settings.problem
    monkeypatch.undo()
    assert [p.name for p in tmp_path.iterdir()] == ["settings.json"]
    assert Settings(tmp_path).values.theme == "dark"


def test_the_environment_overrides_the_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("INTERP_GUI_CONFIG", str(tmp_path / "here"))
    assert config_folder() == tmp_path / "here"


def test_bytes_as_text():
    assert from_text(to_text(b"\x00\xff")) == b"\x00\xff"
    assert from_text("not base64!") == b""
