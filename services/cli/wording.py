"""Says the state of a run in words for people."""

from schemas.run import RunState


def state_words(state: RunState) -> str:
    """Return the state of a run as people say it: `completed with failures`."""
    return state.value.replace("_", " ")
