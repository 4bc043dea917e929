"""The one way in which what somebody asks for is refused. Home Assistant translates it where it is answered."""

from typing import Final

MAX_QUOTED: Final = 200
"""characters of a caller's words in an error."""


class InputError(Exception):
    """Refused by our own checks: nothing was sent, and nothing is lost.

    `reason` is the key of its text among the `exceptions` of the translations, `placeholders` what that text
    mentions. The text of the exception itself quotes nobody.
    """

    reason: str

    def __init__(self, reason: str | None = None, **placeholders: str) -> None:
        """Take the translation's key, None for the one of the class, and what its text mentions."""
        if reason is not None:
            self.reason = reason
        super().__init__(self.reason)
        self._placeholders = placeholders

    @property
    def placeholders(self) -> dict[str, str]:
        """What the translated text may mention, shortened."""
        return {
            # As `api.coerce.whole_text`, which lies above.
            name: text[:MAX_QUOTED]
            .encode("utf-16-le", "surrogatepass")
            .decode("utf-16-le", "replace")
            for name, text in self._placeholders.items()
        }
