"""Errors that nobody foresaw, in a log that quotes no document."""

import traceback


def kind_and_place(err: BaseException) -> str:
    """Return an error's kind and where it was raised. Its text may quote the document."""
    place = traceback.extract_tb(err.__traceback__)[-1:]
    return type(err).__name__ + "".join(
        f" in {frame.name}, {frame.filename}:{frame.lineno}" for frame in place
    )
