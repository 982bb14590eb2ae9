"""What results on a board were computed of, told where the window shows something else now."""

from dataclasses import dataclass
from pathlib import Path

from interp_gui.core.edit import EditStack
from interp_gui.core.target import Target


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What a run was asked about; what its analysis does not look at is left empty.

    Parameters
    ----------
    model, name
        Handle, and what the model is called.
    """

    model: str
    name: str
    edits: EditStack
    image: str = ""
    layer: str = ""
    target: Target | None = None
    target_title: str = ""

    def differs(self, now: "Origin | None") -> str:
        """What it was, as a sentence; empty where that is what is shown now."""
        if now == self:
            return ""
        count = len(self.edits.edits) + len(self.edits.image_edits)
        edits = "without edits" if not count else f"with {count} edit{'' if count == 1 else 's'}"
        changed = now is not None and now.model == self.model and now.edits != self.edits
        if changed and count and now is not None and count == _count(now.edits):
            edits += " as they were then"
        parts = [f"Of {self.name} {edits}"]
        if self.image and (now is None or now.image != self.image):
            parts.append(f"for {Path(self.image).name}")
        if self.layer and (now is None or now.layer != self.layer):
            parts.append(f"at {self.layer}")
        if self.target is not None and (now is None or now.target != self.target):
            parts.append(f"Target: {self.target_title}")
        return f"{', '.join(parts)}. What is chosen now is something else."


def _count(edits: EditStack) -> int:
    return len(edits.edits) + len(edits.image_edits)
