# For the type checker: Home Assistant gives custom integrations probatio under the name voluptuous.
from probatio import *  # noqa: F403, TID251
from probatio import Schema as Schema  # noqa: TID251
