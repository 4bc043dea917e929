"""How the service can end a task."""

from tests.simulator import Outcome

SUBMIT = "POST /print/job"


OUTCOMES = (
    Outcome(code=502),
    Outcome(code=503),
    Outcome(code=500, prints=1),
    Outcome(code=500, state="FAILURE", prints=1),
)
