"""The base class of errors for input that we refuse; `error_texts.translated` makes them Home Assistant's errors."""

from typing import Final

# Maximum number of characters that an error quotes from a text of the caller or the service.
MAX_QUOTED: Final = 200


class InputError(Exception):
    """Input that our own checks refuse: nothing was sent, and nothing is lost.

    The exception's text is only the reason and quotes nothing that people wrote, so it may be logged.
    """

    # Key of the message in the `exceptions` of the translations. A subclass may set one reason for all its errors.
    reason: str

    def __init__(self, reason: str | None = None, **placeholders: str) -> None:
        if reason is not None:
            self.reason = reason
        super().__init__(self.reason)
        self._placeholders = placeholders

    @property
    def placeholders(self) -> dict[str, str]:
        return {
            # Replace lone surrogates as `api.coerce.to_encodable` does, which this module must not import.
            name: text[:MAX_QUOTED]
            .encode("utf-16-le", "surrogatepass")
            .decode("utf-16-le", "replace")
            for name, text in self._placeholders.items()
        }
