"""Codes that release a job at its printer: kept hashed, and slow to guess."""

import hashlib
import hmac
import secrets
import time
from typing import Final, NamedTuple

from homeassistant.core import HomeAssistant
from homeassistant.helpers.singleton import singleton
from homeassistant.util.limited_size_dict import LimitedSizeDict

from ..const import DOMAIN
from ..errors import InputError
from ..fair_queue import FairQueue

MIN_CODE: Final = 4
MAX_CODE: Final = 64
# Wrong codes before each further one has to wait, longer each time.
MAX_WRONG: Final = 5
PAUSE_START: Final = 30
PAUSE_LIMIT: Final = 900
# Codes, each with who guessed, whose wrong guesses are kept in mind.
MAX_GUESSED: Final = 500

PLAIN: Final = "none"
SHA256: Final = "sha2-256"
ENCRYPTIONS: Final = (PLAIN, SHA256)
"""how a device of the home network may send a code (PWG 5100.11, job-password-encryption)."""
_SALT_BYTES: Final = 16


async def async_hash_code(
    hass: HomeAssistant, code: bytes, encryption: str = PLAIN, *, owner: str | None = None
) -> str:
    """Return what is stored of a code; `owner` is the user or device whose turn it is."""
    async with async_get_code_checker(hass).turns.place(owner):
        return await hass.async_add_executor_job(hash_code, code, encryption)


def hash_code(code: bytes, encryption: str = PLAIN) -> str:
    """Return what is stored of a code, which a device may have sent encrypted. Blocks for a moment."""
    salt = secrets.token_bytes(_SALT_BYTES)
    return f"{encryption}:{salt.hex()}:{_digest(code, salt).hex()}"


def is_code(code: str, stored: str) -> bool:
    """Return whether a code is the one that was stored. Blocks for a moment."""
    encryption, salt, digest = stored.split(":")
    sent = code.encode()
    if encryption == SHA256:
        sent = hashlib.sha256(sent).digest()
    return hmac.compare_digest(_digest(sent, bytes.fromhex(salt)), bytes.fromhex(digest))


def _digest(code: bytes, salt: bytes) -> bytes:
    return hashlib.scrypt(code, salt=salt, n=2**14, r=8, p=1, dklen=32)


class _Wrong(NamedTuple):
    """Wrong guesses of one code, and until when no other is looked at, by the monotonic clock."""

    guesses: int
    until: float


class CodeChecker:
    """Checks codes one at a time, and lets guesses wait."""

    def __init__(self, hass: HomeAssistant) -> None:
        self._hass = hass
        # One code at a time, since each takes memory for a moment.
        self.turns = FairQueue(1)
        # The last guessed one last.
        self._wrong = LimitedSizeDict[tuple[str, str | None], _Wrong](size_limit=MAX_GUESSED)

    async def async_check(
        self, stored: str, code: str | None, title: str, user_id: str | None
    ) -> None:
        """Check a code that a user gives for the job with this title.

        Each user has guesses of his own, so that nobody keeps another from his job; all that is not known to be
        somebody's has the same ones.
        Raises InputError: code_missing, code_wrong, code_too_often.
        """
        if not code:
            raise InputError("code_missing", title=title)
        async with self.turns.place(user_id):
            guess = (stored, user_id)
            wrong = self._wrong.get(guess, _Wrong(0, 0.0))
            if (left := wrong.until - time.monotonic()) > 0:
                raise InputError("code_too_often", seconds=str(int(left) + 1))
            if await self._hass.async_add_executor_job(is_code, code.strip(), stored):
                self._wrong.pop(guess, None)
                return
            self._note(guess, wrong.guesses + 1)
        raise InputError("code_wrong", title=title)

    def _note(self, guess: tuple[str, str | None], count: int) -> None:
        pause = 0 if count < MAX_WRONG else min(PAUSE_START * 2 ** (count - MAX_WRONG), PAUSE_LIMIT)
        self._wrong[guess] = _Wrong(count, time.monotonic() + pause)
        self._wrong.move_to_end(guess)


@singleton(f"{DOMAIN}_code_checker")
def async_get_code_checker(hass: HomeAssistant) -> CodeChecker:
    return CodeChecker(hass)
