import dataclasses
import importlib.metadata
import sys
import textwrap

import pytest

from interp_gui import plugins
from interp_gui.core.analysis import Analysis
from interp_gui.plugins import API_VERSION, Plugin, load_plugins


@dataclasses.dataclass(frozen=True)
class NoParameters:
    pass


def an_analysis(name="extra"):
    return Analysis(
        id=name, title="T", summary="S.", parameters=NoParameters, run=lambda c, p: iter(())
    )


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Write a module and make it the only installed plugin; several calls add up."""
    entries = []

    def add(name, source):
        module = f"plugin_under_test_{name}"
        (tmp_path / f"{module}.py").write_text(textwrap.dedent(source))
        entries.append(
            importlib.metadata.EntryPoint(name, f"{module}:plugin", plugins.ENTRY_POINT_GROUP)
        )
        monkeypatch.delitem(sys.modules, module, raising=False)

    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda *, group: tuple(entries))
    return add


GOOD = """
from dataclasses import dataclass
from interp_gui.plugins import Analysis, Plugin, Progress, parameter

@dataclass(frozen=True, kw_only=True)
class Parameters:
    amount: float = parameter(1.0, help="How much.", minimum=0)

def run(context, parameters):
    yield Progress(done=1, total=1)

def plugin():
    return Plugin(name="{name}", version="1", api_version={api}, analyses=(
        Analysis(id="{id}", title="T", summary="S.", parameters=Parameters, run=run),))
"""


def good(name="good", api=API_VERSION, analysis="extra"):
    return GOOD.format(name=name, api=api, id=analysis)


def test_a_good_plugin_is_loaded_and_described_by_its_declaration(install):
    install("good", good())
    found, failures = load_plugins()
    assert failures == ()
    info = found[0].analyses[0].info(plugin=found[0].name)
    assert (info.id, info.plugin, info.parameters[0].name) == ("extra", "good", "amount")


BAD = {
    "missing module": ("import there_is_no_such_module", "there_is_no_such_module"),
    "syntax": ("def plugin(:", "SyntaxError"),
    "raises": ("def plugin():\n    raise RuntimeError('its own fault')", "its own fault"),
    "exits": ("def plugin():\n    raise SystemExit(3)", "SystemExit"),
    "no plugin": ("plugin = 7", "gives a int, not a Plugin"),
    "nothing there": ("x = 1", "plugin"),
    "newer interface": (good(api=API_VERSION + 1), f"version {API_VERSION + 1}"),
    "older interface": (good(api=API_VERSION - 1), f"version {API_VERSION - 1}"),
    "id of a built-in one": (good(analysis="predict"), "'predict' exists already"),
}


@pytest.mark.parametrize("why", BAD)
def test_a_failing_plugin_is_named_with_its_traceback_and_the_others_go_on(install, why):
    source, words = BAD[why]
    install("a_bad", source)
    install("good", good())
    found, failures = load_plugins(taken=["predict"])
    assert [plugin.name for plugin in found] == ["good"]
    (failure,) = failures
    assert failure.name == "a_bad"
    assert words in failure.message
    assert "\n" not in failure.message
    assert "Traceback" in failure.details


def test_two_plugins_cannot_bring_the_same_analysis(install):
    install("first", good("first"))
    install("second", good("second"))
    found, failures = load_plugins()
    assert [plugin.name for plugin in found] == ["first"]
    assert "from first" in failures[0].message


def test_what_this_version_cannot_use_is_refused_rather_than_half_loaded(install):
    install(
        "reader",
        """
        from interp_gui.plugins import Plugin
        plugin = Plugin(name="reader", version="1", image_readers=(print,))
        """,
    )
    assert "image readers" in load_plugins()[1][0].message


def test_safe_mode_loads_none(install):
    install("bad", "raise RuntimeError")
    assert load_plugins(safe_mode=True) == ((), ())


def test_the_installed_plugin_is_found():
    found, failures = load_plugins(taken=["predict"])
    assert failures == ()
    assert "grad-cam" in {a.id for plugin in found for a in plugin.analyses}


def test_everything_promised_to_plugins_is_there():
    for name in plugins.__all__:
        assert hasattr(plugins, name)


def test_a_plugin_may_be_given_directly():
    plugin = Plugin(name="p", version="1", analyses=(an_analysis(),))
    assert plugin.api_version == API_VERSION
