"""Compiles shim.c on the machine that runs the tests, once for each version of it."""

from functools import cache
import hashlib
import os
from pathlib import Path
import platform
import shlex
import shutil
import subprocess
import tempfile
from typing import Final

HERE: Final = Path(__file__).parent
SOURCES: Final = ("shim.c", "noting.h")
FLAGS: Final = ("-x", "c", "-std=gnu11", "-O2", "-Wall", "-shared", "-fPIC", "-pthread")
CACHE: Final = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lianke"
# The last of these is installed by scripts/environment.sh on a machine without a compiler.
COMPILERS: Final = ("cc", "gcc", "clang", "c++", "g++", "clang++", str(CACHE / "compiler" / "c++"))


class NoCompilerError(Exception):
    """This machine has no C compiler."""


def compiler() -> list[str]:
    """Return the command of a C compiler; $CC and $CXX come first. Raises NoCompilerError."""
    for name in ("CC", "CXX"):
        if command := shlex.split(os.environ.get(name, "")):
            return command
    for name in COMPILERS:
        if found := shutil.which(name):
            return [found]
    raise NoCompilerError(f"Please install gcc: none of {', '.join(COMPILERS)} is there")


@cache
def library() -> Path:
    """Return the path of the compiled library; compile it if this version is not in the cache."""
    command = [*compiler(), *FLAGS]
    made_of = repr((command, platform.machine(), platform.libc_ver())).encode()
    made_of += b"".join((HERE / name).read_bytes() for name in SOURCES)
    path = CACHE / "disk" / f"{hashlib.sha256(made_of).hexdigest()[:16]}.so"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # Several processes may compile at the same time.
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            made = Path(folder) / path.name
            subprocess.run(
                [*command, str(HERE / "shim.c"), "-o", str(made), "-ldl"],
                check=True,
                timeout=300,
            )
            made.replace(path)
    return path
