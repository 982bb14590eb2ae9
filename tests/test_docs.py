"""The documentation says what the program does."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_page_of_analyses_is_current():
    spec = importlib.util.spec_from_file_location("make_analyses", ROOT / "docs/make_analyses.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.TARGET.read_text(encoding="utf-8") == script.current(), (
        "run: python docs/make_analyses.py"
    )


def test_every_linked_file_of_the_docs_exists():
    import re

    missing = []
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md")]:
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if not (page.parent / link).exists():
                missing.append(f"{page.name} -> {link}")
    assert missing == []
