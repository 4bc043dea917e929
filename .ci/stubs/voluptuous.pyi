# What `import voluptuous` gives below Home Assistant, for the type checker.
from probatio import *  # noqa: F403, TID251
from probatio import Schema as Schema  # noqa: TID251
