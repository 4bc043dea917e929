"""Base of the errors for input that we refuse. Home Assistant translates them where it answers the caller."""

from typing import Final

# Characters of words of a caller, or of the service, in an error.
MAX_QUOTED: Final = 200


class InputError(Exception):
    """Refused by our own checks: nothing was sent, and nothing is lost.

    The exception's own text quotes nobody, so it may be logged.
    """

    # Key of the message among the `exceptions` of the translations. A subclass may have one for all its errors.
    reason: str

    def __init__(self, reason: str | None = None, **placeholders: str) -> None:
        if reason is not None:
            self.reason = reason
        super().__init__(self.reason)
        self._placeholders = placeholders

    @property
    def placeholders(self) -> dict[str, str]:
        return {
            # Replace half characters, as `api.coerce.to_encodable` does, which this module must not import.
            name: text[:MAX_QUOTED]
            .encode("utf-16-le", "surrogatepass")
            .decode("utf-16-le", "replace")
            for name, text in self._placeholders.items()
        }
