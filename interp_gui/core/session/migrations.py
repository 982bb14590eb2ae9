"""Sessions of older formats, brought up to date step by step before they are read."""

from collections.abc import Callable
from typing import Any

from interp_gui.core.session.container import Damaged

Content = dict[str, Any]
Step = Callable[[Content], Content]


class Migrations:
    """Functions that turn the plain content of one version into that of the next."""

    def __init__(self) -> None:
        self._steps: dict[int, Step] = {}

    def step(self, version: int) -> Callable[[Step], Step]:
        """Declare a function that turns content of `version` into that of `version + 1`."""

        def declare(function: Step) -> Step:
            if version in self._steps:
                raise ValueError(f"two steps lead on from version {version}")
            self._steps[version] = function
            return function

        return declare

    def apply(self, content: Content, *, version: int, to: int) -> Content:
        """Bring content up to date.

        Raises
        ------
        Damaged
            No step leads on from its version.
        """
        while version < to:
            step = self._steps.get(version)
            if step is None:
                raise Damaged(f"there never was a session format {version}")
            try:
                content = step(content)
            except (KeyError, TypeError, ValueError, AttributeError) as problem:
                raise Damaged(f"it is no session of format {version}") from problem
            version += 1
        return content


MIGRATIONS = Migrations()
"""Version 1 is the first: there is no step yet. Declare one with ``@MIGRATIONS.step(1)``."""
