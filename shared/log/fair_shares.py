"""Divides what one read may return among the partitions that have records."""

from collections.abc import Sequence


def fair_shares(available: Sequence[int], limit: int) -> list[int]:
    """Return how many records each partition may give.

    What one partition cannot fill goes to the others; nobody gets more than it has. With fewer places than
    partitions the first ones get one each: the caller sorts by who was served least recently.

    Args:
        available: Records each partition has, at least one.
        limit: Records to give in all.
    """
    if limit < len(available):
        return [1] * limit + [0] * (len(available) - limit)
    shares = [0] * len(available)
    places = limit
    smallest_first = sorted(range(len(available)), key=available.__getitem__)
    for rank, index in enumerate(smallest_first):
        share = min(available[index], places // (len(available) - rank))
        shares[index] = share
        places -= share
    return shares
