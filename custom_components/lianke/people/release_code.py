"""Codes that release a job at its printer: stored as hashes, with pauses after wrong guesses."""

import hashlib
import hmac
import secrets
import time
from typing import Final, NamedTuple

from homeassistant.core import HomeAssistant
from homeassistant.helpers.singleton import singleton
from homeassistant.util.limited_size_dict import LimitedSizeDict

from ..const import DOMAIN
from ..fair_queue import FairQueue
from ..input_error import InputError

# Minimum and maximum number of characters of a code.
MIN_CODE_LENGTH: Final = 4
MAX_CODE_LENGTH: Final = 64
# Number of wrong guesses in a row after which the next guess must wait.
MAX_WRONG: Final = 5
# Seconds of the first pause after wrong guesses; each further wrong guess doubles the pause.
GUESS_PAUSE_START: Final = 30
# Seconds of the longest pause after wrong guesses.
GUESS_PAUSE_LIMIT: Final = 900
# Maximum number of pairs of code and user whose wrong guesses are remembered.
MAX_GUESSED: Final = 500

PLAIN: Final = "none"
SHA256: Final = "sha2-256"
# How a device of the home network may send a code (PWG 5100.11, job-password-encryption).
ENCRYPTIONS: Final = (PLAIN, SHA256)
_SALT_BYTES: Final = 16


async def async_hash_code(
    hass: HomeAssistant, code: bytes, encryption: str = PLAIN, *, owner: str | None = None
) -> str:
    """Return the hash of a code, for storage; `owner` is the user or device whose turn the hashing waits for."""
    async with async_get_code_checker(hass).turns.place(owner):
        return await hass.async_add_executor_job(hash_code, code, encryption)


def hash_code(code: bytes, encryption: str = PLAIN) -> str:
    """Return the hash of a code, for storage; a device may have sent the code as a digest. Blocks for a moment."""
    salt = secrets.token_bytes(_SALT_BYTES)
    return f"{encryption}:{salt.hex()}:{_digest(code, salt).hex()}"


def code_matches(code: str, stored: str) -> bool:
    """Whether a code matches the stored hash. Blocks for a moment."""
    encryption, salt, digest = stored.split(":")
    sent = code.encode()
    if encryption == SHA256:
        sent = hashlib.sha256(sent).digest()
    return hmac.compare_digest(_digest(sent, bytes.fromhex(salt)), bytes.fromhex(digest))


def _digest(code: bytes, salt: bytes) -> bytes:
    return hashlib.scrypt(code, salt=salt, n=2**14, r=8, p=1, dklen=32)


class _Wrong(NamedTuple):
    guesses: int
    # No further guess is checked before this time (monotonic clock).
    until: float


class CodeChecker:
    """Checks codes, and makes people wait after wrong guesses."""

    def __init__(self, hass: HomeAssistant) -> None:
        self._hass = hass
        # Codes are hashed one at a time, since each hash takes memory for a moment.
        self.turns = FairQueue(1)
        # By code and user; the pair that was guessed last comes last.
        self._wrong = LimitedSizeDict[tuple[str, str | None], _Wrong](size_limit=MAX_GUESSED)

    async def async_check(
        self, stored: str, code: str | None, title: str, user_id: str | None
    ) -> None:
        """Check a code that a user enters for the job with this title.

        Wrong guesses count for each user separately, so that nobody locks another user out of a job; all unknown users
        count together.
        Raises InputError: code_missing, code_wrong, code_too_often.
        """
        if not code:
            raise InputError("code_missing", title=title)
        async with self.turns.place(user_id):
            guess = (stored, user_id)
            wrong = self._wrong.get(guess, _Wrong(0, 0.0))
            if (left := wrong.until - time.monotonic()) > 0:
                raise InputError("code_too_often", seconds=str(int(left) + 1))
            if await self._hass.async_add_executor_job(code_matches, code.strip(), stored):
                self._wrong.pop(guess, None)
                return
            count = wrong.guesses + 1
            pause = GUESS_PAUSE_START * 2 ** (count - MAX_WRONG) if count >= MAX_WRONG else 0
            until = time.monotonic() + min(pause, GUESS_PAUSE_LIMIT)
            self._wrong[guess] = _Wrong(count, until)
            self._wrong.move_to_end(guess)
        raise InputError("code_wrong", title=title)


@singleton(f"{DOMAIN}_code_checker")
def async_get_code_checker(hass: HomeAssistant) -> CodeChecker:
    return CodeChecker(hass)
