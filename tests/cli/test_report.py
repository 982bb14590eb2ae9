import numpy as np
import pytest

from interp_gui.core.result import Picture
from interp_gui.core.session.document import KeptResult, ModelRef, ReportHead, SessionDocument
from interp_gui.core.session.files import write_session


def kept(title, **fields):
    pixels = np.zeros((6, 6, 3), np.uint8)
    return KeptResult(id=title, result=Picture(key=title, title=title, pixels=pixels), **fields)


@pytest.fixture
def session(tmp_path):
    place = tmp_path / "zelda's study"
    place.mkdir()
    document = SessionDocument(
        models=(ModelRef(path=str(place / "net.pth"), weights_sha256="ab" * 32),),
        kept=(
            kept(f"A unit of {place}/cat.png", note="Look <here>"),
            kept("Left out", included=False),
        ),
        report=ReportHead(title="Cats", author="A. Person", intro="Why"),
    )  # fmt: skip
    return write_session(place / "study.interp", document)


def test_a_session_becomes_a_report(session, run, run_json, tmp_path):
    out = tmp_path / "cats.html"
    code, text, errors = run("report", session, "--out", out)
    assert code == 0, errors
    assert "1 result in" in text
    page = out.read_text()
    for wanted in ("<h1>Cats</h1>", "A. Person", "Look &lt;here&gt;", "A unit of cat.png"):
        assert wanted in page
    for absent in ("Left out", "zelda", str(tmp_path)):
        assert absent not in page
    code, document = run_json("report", session, "--out", tmp_path / "cats.pdf", "--title", "Dogs")
    assert code == 0
    assert (tmp_path / "cats.pdf").read_bytes().startswith(b"%PDF")
    assert document["report"]["results"]
    code, _, _ = run("report", session, "--out", out, "--paths")
    assert "zelda" in out.read_text()


def test_what_cannot_be_reported_is_said(session, run, tmp_path):
    empty = write_session(tmp_path / "empty.interp", SessionDocument())
    for words, code, said in (
        ((tmp_path / "none.interp", "--out", "x.html"), 1, "no session"),
        ((empty, "--out", tmp_path / "x.html"), 1, "no kept results"),
        ((session, "--out", tmp_path / "x.docx"), 1, "docx"),
        ((session,), 2, "--out"),
    ):
        got, _, errors = run("report", *words)
        assert got == code, errors
        assert said in errors
    assert not (tmp_path / "x.html").exists()
