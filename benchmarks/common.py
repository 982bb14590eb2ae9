"""What the measurements share: repeated runs, medians, and where figures go."""

import json
import os
import platform
import statistics
import subprocess
import sys
import venv
from pathlib import Path

OUT = Path(__file__).parent / "out"


def save(name, figures):
    """Write figures as JSON, with the machine they were taken on."""
    OUT.mkdir(exist_ok=True)
    machine = {"cores": os.cpu_count(), "python": platform.python_version()}
    (OUT / f"{name}.json").write_text(json.dumps({"machine": machine, **figures}, indent=2))


def table(head, rows):
    """A markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def median(values):
    """Median, and the span of all values, as text in the unit of the values."""
    return statistics.median(values)


def peer_python(name, *packages):
    """Python of a separate environment with a peer in it, made on first use."""
    folder = OUT / "peers" / name
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        venv.create(folder, with_pip=False)
        uv = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", str(python)]
        subprocess.run([*uv, *packages], check=True)
    return python
