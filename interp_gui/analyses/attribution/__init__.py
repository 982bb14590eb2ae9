"""How much what a layer holds at a position argues for each of a network's answers."""

from interp_gui.analyses.attribution.answers import Answers, answers_of
from interp_gui.analyses.attribution.costs import attribution_s
from interp_gui.analyses.attribution.run import Attributions, attributed, attributions

__all__ = ["Answers", "Attributions", "answers_of", "attributed", "attribution_s", "attributions"]
