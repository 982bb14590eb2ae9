"""What an edit did, in words: the states it can be in, its effect beside that of controls."""

from dataclasses import dataclass

from interp_gui.core.interventions.kinds import EditEffect
from interp_gui.gui.interventions.words import readable


@dataclass(frozen=True)
class Told:
    """How a row shows what is known.

    Parameters
    ----------
    icon
        Name of a shipped icon; empty for none.
    tone
        `error`, `accent`, `dim` or, where it is neither good nor bad, `plain`.
    words
        The state in a word or two.
    sentence
        What that means here.
    """

    icon: str
    tone: str
    words: str
    sentence: str


_STATES = {
    "failed": Told("error", "error", "Failed", ""),
    "broken": Told(
        "error", "error", "Not a number", "The answer is not a number with these edits."
    ),
    "inactive": Told(
        "inactive", "dim", "Inactive here", "It ran and changed nothing at its layer in this image."
    ),
    "ineffective": Told(
        "no-effect", "plain", "No effect",
        "It changed its layer, and the answer stayed what it was: a finding.",
    ),
    "effective": Told("effective", "accent", "Effective", ""),
    "off": Told("", "dim", "Off", "It is not in force."),
}  # fmt: skip
UNKNOWN = Told("", "dim", "", "")


def state_of(effect: EditEffect | None, problem: str = "") -> Told:
    """The state of an edit.

    Parameters
    ----------
    effect
        What the engine found; None where nothing is known (yet).
    problem
        Why the edit is not in force at all: it does not fit.
    """
    if problem:
        return Told("error", "error", "Does not fit", problem)
    if effect is None:
        return UNKNOWN
    found = _STATES[effect.state]
    if effect.state == "failed":
        return Told(found.icon, found.tone, found.words, effect.reason or "It never ran.")
    if effect.reason:
        return Told(found.icon, found.tone, found.words, effect.reason)
    return found


def signed(value: float) -> str:
    """A difference with its sign, a true minus: `+1.24`, `−0.031`, `0`."""
    if value == 0:
        return "0"
    return f"{'+' if value > 0 else '−'}{readable(abs(value))}"


def percentile_words(effect: EditEffect) -> str:
    """How many of the controls do less; empty while that is not known."""
    if effect.percentile is None:
        return ""
    count, most = fewer(effect), len(effect.controls)
    if count == most:
        return f"more than any of {most} random features"
    return f"more than {count} of {most} random features"


def fewer(effect: EditEffect) -> int:
    """How many of the controls do less than the edit."""
    return round((effect.percentile or 0.0) * len(effect.controls) / 100)


def beside(effect: EditEffect) -> str:
    """The same in a word or two, for the line of a closed row; empty while it is not known."""
    if effect.percentile is None:
        return ""
    return f"> {fewer(effect)} of {len(effect.controls)} random"


def effect_sentence(effect: EditEffect, target: str) -> str:
    """The effect on the Target beside that of the controls."""
    if effect.effect is None or effect.state == "inactive":
        return ""
    named = f" ({target})" if target else ""
    line = f"Target{named} {signed(effect.effect)}"
    beside = percentile_words(effect)
    if beside:
        return f"{line}; {beside}."
    return f"{line}. {effect.control_note}".strip()


def warning_of(effect: EditEffect | None, problem: str = "") -> str:
    """What to mind about an edit that did something; of one that did nothing, where it would."""
    if effect is None or problem or (effect.state == "inactive" and not effect.behind):
        return ""
    return effect.warning


def run_sentence(effect: EditEffect) -> str:
    """How often it ran and how much it changed its layer; empty where it never did."""
    if effect.hits <= 0 or effect.state == "inactive":
        return ""
    times = "once" if effect.hits == 1 else f"{effect.hits} times"
    if effect.change is None:
        return f"Ran {times}."
    share = f" ({share_words(effect.share)})" if effect.share is not None else ""
    return f"Ran {times}; changed its layer by {readable(effect.change)}{share}."


def share_words(share: float) -> str:
    """A change in parts of a layer's length: `12 % of its length`, `380 times its length`."""
    if share >= 10:
        return f"{readable(float(f'{share:.2g}'))} times its length"
    if share < 1e-4:
        return "less than 0.01 % of its length" if share else "0 % of its length"
    return f"{readable(float(f'{100 * share:.2g}'))} % of its length"
