"""What a job waits for: the engine does one thing at a time."""

from interp_gui.gui.bridge import EngineBridge


def waited_for(bridge: EngineBridge, job: int) -> str:
    """What runs while a job waits for its turn, in words; empty where it does not wait."""
    row = bridge.jobs.get(job)
    if row is None or row.state != "waiting":
        return ""
    begun = [other for other in bridge.jobs.values() if other.state == "running"]
    if not begun:
        return ""
    newest = max(begun, key=lambda other: other.started_s or 0.0)
    return newest.title or "what is shown elsewhere"
