"""Is the logger that FastStream gets: errors stay errors, the rest of what it says is for debugging."""

import logging
from collections.abc import Mapping
from typing import Any

logger = logging.getLogger("faststream.kafka")


class FastStreamLogger:
    """Takes FastStream's lines.

    Its warnings are no news here: that topics are not created by it is our choice, and a member without
    partitions stands by.
    """

    def log(
        self,
        level: int,
        msg: Any,  # noqa: ANN401 - FastStream's signature
        /,
        *,
        exc_info: Any = None,  # noqa: ANN401
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        """Pass a line on."""
        shown = level if level >= logging.ERROR else logging.DEBUG
        logger.log(shown, msg, exc_info=exc_info, extra=extra)
