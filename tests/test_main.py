import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def modules_after(argument):
    """What is loaded once `main` has dispatched, with what it dispatches to replaced."""
    code = (
        "import sys, types\n"
        "before = set(sys.modules)\n"
        "for name in ('interp_gui.engine.server', 'interp_gui.cli'):\n"
        "    fake = types.ModuleType(name); fake.main = lambda a, n=name: print(n, a) or 5\n"
        "    sys.modules[name] = fake\n"
        "fake = types.ModuleType('interp_gui.engine'); fake.__path__ = []\n"
        "sys.modules['interp_gui.engine'] = fake\n"
        "from interp_gui.__main__ import main\n"
        f"code = main([{argument!r}, 'x'])\n"
        "print(code, sorted({m.split('.')[0] for m in set(sys.modules) - before}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_engine_is_dispatched_before_anything_is_imported():
    called, loaded = modules_after("--engine")
    assert called == "interp_gui.engine.server ['x']"
    code, names = loaded.split(" ", 1)
    assert code == "5"
    assert not {"argparse", "numpy", "msgspec", "PySide6", "torch"} & set(eval(names))


def test_everything_else_goes_to_the_command_line():
    called, loaded = modules_after("inspect")
    assert called == "interp_gui.cli ['inspect', 'x']"
    assert loaded.startswith("5 ")
