"""What a service takes as the body of a request: how much of it, and nothing that was compressed.

Not in this room: what a body says, and in which content type.
"""

from typing import Final

from starlette.types import Message, Receive, Scope

from shared.problems import BodyTooLarge, UnsupportedMediaType

_PLAIN: Final = frozenset({b"", b"identity"})


def guarded(receive: Receive, scope: Scope, *, at_most: int | None) -> Receive:
    """Give a body as it comes, to be read until it is more than `at_most` bytes; None where the route counts itself.

    The reader meets `BodyTooLarge`, and `UnsupportedMediaType` for a body that would have to be decoded first.
    """
    is_encoded = not _encodings(scope) <= _PLAIN
    length = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    received = int(length) if at_most is not None and length.isdigit() and int(length) > at_most else 0

    async def within_bounds() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if is_encoded and message.get("body"):
            raise UnsupportedMediaType(
                "Send the body without a Content-Encoding.", headers={"Accept-Encoding": "identity"}
            )
        if at_most is not None and received > at_most:
            raise BodyTooLarge(f"A body here holds at most {at_most} bytes.")
        return message

    return within_bounds


def _encodings(scope: Scope) -> set[bytes]:
    sent = [value for name, value in scope["headers"] if name == b"content-encoding"]
    return {coding.strip().lower() for value in sent for coding in value.split(b",")}
