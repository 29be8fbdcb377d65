"""Says how many there are of something, for people."""


def number_of(number: int, thing: str, several: str = "") -> str:
    """Return a number with what it counts: `1 object`, `2 objects`.

    Args:
        number: How many.
        thing: What is said of one: `object`, `event waits`.
        several: What is said of several; empty: the same with an `s`.
    """
    return f"{number} {thing if number == 1 else several or thing + 's'}"
