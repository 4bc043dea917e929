"""The cloud's tasks at the moment when an older version was stopped."""

from typing import Any

from tests.simulator import Simulator, make_pdf
from tests.simulator.models import Box, Document, Task


def remember(simulator: Simulator, box: Box, tasks: list[dict[str, Any]]) -> None:
    """Give the cloud the tasks that it had then; each goes on as a new task does."""
    cloud = simulator.cloud
    for one in tasks:
        printer = next(printer for printer in box.printers if printer.port == one["port"])
        documents = []
        for document in one["documents"]:
            path = cloud.receiver.new_path()
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(make_pdf(document["pages"] or 1))
            documents.append(Document(path=path, **document))
        task = Task(
            task_id=one["task_id"],
            box=box,
            printer=printer,
            fields=one["fields"],
            documents=documents,
            created=one["created"],
        )
        cloud.tasks[task.task_id] = task
        box.tasks.append(task)
        cloud.shop.start(task)
