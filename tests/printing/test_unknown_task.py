"""A task that the cloud does not know any more is no box that it does not know."""

from homeassistant.exceptions import HomeAssistantError

from custom_components.lianke.jobs.job import JobState
from tests.clock import until
from tests.household import House, refusal


async def test_a_job_that_the_cloud_has_forgotten_is_canceled(house: House) -> None:
    """The service answers 404, as for a box whose key is wrong."""
    answer = await house.ask("print", device_id=house.device(), text="Hello")
    job_id = str(answer["jobs"][0]["job_id"])
    await until(lambda: house.queue.get(job_id).current_delivery.task_id is not None)
    house.cloud.tasks.clear()
    canceled = house.ask("cancel_job", job_id=job_id)
    assert await refusal(canceled, HomeAssistantError) == "task_unknown"
    assert house.queue.get(job_id).state is not JobState.CANCELED
