"""Requests of gcsfs, made once: by itself it tries each for half a minute, and hides refusals."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

_OF_GCSFS = {HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED}
"""Answers that it makes sense of: there is no such file, or another one than it was."""


class RequestError(Exception):
    """A request came to nothing; of aiohttp's own errors gcsfs would try again.

    Attributes:
        code: The HTTP status of the answer; None where there was none.
    """

    def __init__(self, text: str, code: int | None = None) -> None:
        super().__init__(text)
        self.code = code


async def once(request: Any, send: Callable[[Any], Awaitable[Any]]) -> Any:
    """Sends a request, as a middleware of aiohttp's.

    Args:
        request: The request.
        send: Sends it.

    Raises:
        RequestError: Nothing answers, or the answer is an error.
    """
    try:
        response = await send(request)
    except OSError as error:
        raise RequestError(str(error)) from error
    if response.status < HTTPStatus.BAD_REQUEST or response.status in _OF_GCSFS:
        return response
    raise RequestError(_said(await response.text()) or str(response.reason), response.status)


def _said(text: str) -> str:
    """Returns the words in the body of one of Google's errors, which is JSON, or else the body."""
    try:
        return str(json.loads(text)["error"]["message"])
    except (ValueError, LookupError, TypeError):
        return text
