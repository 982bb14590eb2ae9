"""Settings of feature visualisation."""

from dataclasses import dataclass

from interp_gui.core.analysis import parameter


@dataclass(frozen=True)
class Settings:
    """What can be chosen; defaults are lucid's where it has one."""

    objective: str = parameter(
        "feature",
        help="What is made large: feature (whatever suits it), channel, neuron, layer, logit, "
        "direction, or an expression such as channel(features.14:7) - 0.5*logit(281) in which "
        "the word feature stands for the one asked for.",
    )
    size: int = parameter(
        128, help="Height and width of the pictures.", minimum=32, maximum=1024, unit="px"
    )
    steps: int = parameter(256, help="Steps of optimisation.", minimum=1, maximum=10_000)
    batch: int = parameter(
        4, title="pictures at once", minimum=1, maximum=64,
        help="Features are optimised in groups of so many, in the order asked; the same groups "
        "give the same pixels again.",
    )  # fmt: skip
    transforms: bool = parameter(
        True, help="Jitter, turn and scale the picture a little at each step: less noise."
    )
    compare: bool = parameter(
        True, help="Rank the finished picture among the images at hand.", title="compare to images"
    )
    learning_rate: float = parameter(
        0.05, help="Step size of Adam.", minimum=1e-4, maximum=2.0, advanced=True
    )
    decay: float = parameter(
        1.2, minimum=0.0, maximum=3.0, advanced=True,
        help="Power of 1/frequency by which fine detail is held back.",
    )  # fmt: skip
