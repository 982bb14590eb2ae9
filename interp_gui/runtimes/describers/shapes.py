"""How attention's tensors lie in memory, and how they are shown.

Libraries compute attention on (…, head, token, size), with windows folded into the batch or heads
folded into it. What is shown has one order everywhere: queries, keys, values and head outputs
(N, token, head, size), patterns (N, head, query, key), each with a window axis behind the batch
axis where tokens are attended to within windows.
"""

from dataclasses import dataclass

from torch import Tensor

from interp_gui.core.layer import Axis
from interp_gui.runtimes.strides import with_strides_of


@dataclass(frozen=True)
class Layout:
    """How one attention computes.

    Parameters
    ----------
    windows
        Windows an image; 1 where every token sees all.
    folded_heads
        Number of heads where the batch axis holds them too; 0 where they have an axis.
    """

    windows: int = 1
    folded_heads: int = 0

    def tokens(self, value: Tensor) -> Tensor:
        """(…, head, token, size) as (N, [window,] token, head, size)."""
        return self._apart(value).transpose(-3, -2)

    def pattern(self, value: Tensor) -> Tensor:
        """(…, head, query, key) as (N, [window,] head, query, key)."""
        return self._apart(value)

    def tokens_back(self, shown: Tensor, like: Tensor) -> Tensor:
        """What `tokens` gave, in the shape and memory order of the original."""
        return with_strides_of(shown.transpose(-3, -2).reshape(like.shape), like)

    def pattern_back(self, shown: Tensor, like: Tensor) -> Tensor:
        """What `pattern` gave, in the shape and memory order of the original."""
        return with_strides_of(shown.reshape(like.shape), like)

    def axes(self, site: str) -> tuple[Axis, ...]:
        """Meaning of the shown axes, without the batch axis."""
        own: tuple[Axis, ...] = (
            ("head", "token", "token") if site == "pattern" else ("token", "head", "unit")
        )
        return own if self.windows == 1 else ("other", *own)

    def _apart(self, value: Tensor) -> Tensor:
        if self.folded_heads:
            value = value.reshape(-1, self.folded_heads, *value.shape[1:])
        own = value.shape[-3:]
        if self.windows == 1:
            return value.reshape(-1, *own)
        return value.reshape(-1, self.windows, *own)
