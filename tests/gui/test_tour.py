import pytest

from interp_gui.core.errors import FileProblem
from interp_gui.gui import tour


def test_without_the_sample_the_tour_says_so_before_it_starts(monkeypatch, tmp_path):
    def missing():
        raise FileProblem("The sample model is not on this machine.", hint="Install it.")

    monkeypatch.setattr(tour, "mobilenet_path", missing)
    with pytest.raises(FileProblem):
        tour.run_tour(tmp_path / "pictures")
    assert not (tmp_path / "pictures").exists()
