"""What a run will cost, told before it starts."""

import msgspec

LONG_S = 60.0
"""From here on a run is asked about before it starts."""
LARGE_BYTES = 10**9

_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86_400


class Cost(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An estimate; what the cache holds already is not counted.

    Parameters
    ----------
    seconds
        Time of computing, on this machine with nothing else running.
    disk_bytes
        What the cache grows by.
    memory_bytes
        Beside the model itself, at most.
    note
        A sentence about what it rests on, where that has to be said.
    """

    seconds: float
    disk_bytes: int = 0
    memory_bytes: int = 0
    note: str = ""

    def __add__(self, other: "Cost") -> "Cost":
        """One after the other."""
        return Cost(
            seconds=self.seconds + other.seconds,
            disk_bytes=self.disk_bytes + other.disk_bytes,
            memory_bytes=max(self.memory_bytes, other.memory_bytes),
            note=" ".join(dict.fromkeys(note for note in (self.note, other.note) if note)),
        )

    def is_long(self, after_s: float = LONG_S) -> bool:
        """Whether to ask before it is paid."""
        return self.seconds > after_s or self.disk_bytes > LARGE_BYTES

    @property
    def text(self) -> str:
        """For beside a button: `About 40 min, writes about 1.2 GB`."""
        if self.seconds < 1 and self.disk_bytes < 10**6:
            return "Less than a second"
        words = f"About {duration_text(self.seconds)}"
        if self.disk_bytes >= 10**6:
            words += f", writes about {size_text(self.disk_bytes)}"
        return words

    @property
    def sentence(self) -> str:
        """For a question: `This takes about 40 min and writes about 1.2 GB.`"""
        words = f"This takes about {duration_text(self.seconds)}"
        if self.disk_bytes >= 10**6:
            words += f" and writes about {size_text(self.disk_bytes)}"
        return f"{words}."


def duration_text(seconds: float) -> str:
    """A time in its largest unit, as far as an estimate can be trusted: `40 min`, `2.5 h`."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 90 * _MINUTE_S:
        return f"{round(seconds / _MINUTE_S)} min"
    if seconds < 48 * _HOUR_S:
        hours = seconds / _HOUR_S
        return f"{hours:.0f} h" if hours >= 10 else f"{hours:.1f} h".replace(".0 h", " h")
    return f"{seconds / _DAY_S:.0f} days"


def size_text(bytes_: int) -> str:
    """A size in its largest unit: `850 kB`, `1.2 GB`."""
    size, unit = float(bytes_), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 1000 or unit == "TB":
            break
        size /= 1000
    if unit == "B":
        return f"{bytes_} B"
    return f"{size:.0f} {unit}" if size >= 10 else f"{size:.1f} {unit}".replace(".0 ", " ")
