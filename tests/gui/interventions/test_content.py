"""What is known of the images at hand becomes part of the edit."""

import pytest

from interp_gui.core.edit import Edit, Observed
from interp_gui.core.feature import Feature
from interp_gui.core.interventions.statistics import FeatureStatistics
from interp_gui.gui.interventions.content import with_statistics

FEATURE = Feature(layer="a", units=(1,))
KNOWN = FeatureStatistics(
    feature=FEATURE, mean=(0.5,), deviation=(0.1,), low=(-1.0,), high=(2.0,), images=7
)


@pytest.mark.parametrize("kind", ["ablate", "add", "clamp"])
def test_an_edit_carries_the_range_that_was_observed(kind):
    edit = with_statistics(Edit(feature=FEATURE, kind=kind), KNOWN)
    assert edit.observed == Observed(low=(-1.0,), high=(2.0,), images=7)
