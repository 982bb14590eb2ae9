"""How sure a share of right answers is, and whether two of them differ by more than chance."""

import math

_Z95 = 1.959963984540054


def wilson(right: int, total: int, *, z: float = _Z95) -> tuple[float, float]:
    """Wilson's score interval of a proportion, 95 % by default; (0, 1) where nothing was counted.

    Wilson, E. B. (1927). Probable inference, the law of succession, and statistical inference.
    JASA 22. Unlike the textbook interval it holds near 0 and 1 and for few images.
    """
    if total <= 0:
        return 0.0, 1.0
    share = right / total
    middle = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * math.sqrt(share * (1 - share) / total + z * z / (4 * total**2))
    return max(0.0, min(middle - half, share)), min(1.0, max(middle + half, share))


def mcnemar_exact(only_first: int, only_second: int) -> float:
    """Two-sided exact p of McNemar's test: whether two answers to the same images differ.

    Parameters
    ----------
    only_first, only_second
        Images that only the one, and only the other, got right.

    McNemar, Q. (1947). Psychometrika 12. Under chance each such image falls to either side like a
    coin: p is the binomial probability of a split at least so uneven.
    """
    n, least = only_first + only_second, min(only_first, only_second)
    if n == 0:
        return 1.0
    # in logarithms, so that thousands of images do not underflow to a wrong zero
    logs = [
        math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) - n * math.log(2)
        for k in range(least + 1)
    ]
    top = max(logs)
    tail = math.exp(top) * math.fsum(math.exp(each - top) for each in logs)
    return min(1.0, 2 * tail)


def holm(p_values: list[float]) -> list[float]:
    """Holm's correction for several comparisons, in the given order.

    Holm, S. (1979). A simple sequentially rejective multiple test procedure. SJS 6.
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    corrected = [1.0] * len(p_values)
    largest = 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, p_values[i] * (len(p_values) - rank)))
        corrected[i] = largest
    return corrected
