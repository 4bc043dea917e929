"""What only the newest Home Assistant can prove: its own cameras, images and lists are printed."""

from pathlib import Path

from PIL import Image
import pytest

from .binding import bind, printer_device
from .cloud import SimulatorProcess
from .hass import RealHomeAssistant
from .home import PRINTER

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@pytest.fixture(autouse=True)
def verify_cleanup() -> None:
    """Leave other processes alone; no part of Home Assistant runs in here."""


@pytest.fixture(autouse=True)
def _may_connect(socket_enabled: None) -> None:
    """Let tests talk to the processes on this machine."""


async def test_entities_are_printed(tmp_path: Path) -> None:
    home = RealHomeAssistant(tmp_path / "config")
    async with SimulatorProcess(tmp_path / "printed", speed=50) as cloud, home:
        entry = await bind(home, server=cloud.url, api_key=cloud.api_key, qr_text=cloud.qr_link)
        device = (await printer_device(home, cloud.device_id, PRINTER))["id"]

        async def printed(**source: str) -> tuple[str, bytes]:
            answer = await home.call(
                "lianke", "print", {"device_id": device, "wait": True, **source}, response=True
            )
            (job,) = answer["jobs"]
            assert job["state"] == "completed", job
            one = (await cloud.get("printed"))[-1]
            return one["name"], Path(one["path"]).read_bytes()

        photo = home.documents / "door.png"
        Image.new("RGB", (64, 48), "teal").save(photo)
        flow = await home.start_flow("local_file")
        made = await home.submit(flow, {"file_path": str(photo)})
        assert made["type"] == "create_entry", made
        await home.wait_for_state("camera.door", lambda state: state["state"] == "idle")
        name, content = await printed(source_entity="camera.door")
        assert name.endswith(".png")
        assert content == photo.read_bytes()

        image = next(
            entity["entity_id"]
            for entity in await home.entities()
            if entity["device_id"] == device and entity["entity_id"].startswith("image.")
        )
        # Disabled at first.
        await home.command("config/entity_registry/update", entity_id=image, disabled_by=None)
        await home.post(f"/api/config/config_entries/entry/{entry['entry_id']}/reload")
        await home.wait_for_state(image, lambda _state: True)
        await home.call("lianke", "preview", {"device_id": device, "text": "页面"}, response=True)
        _, content = await printed(source_entity=image)
        assert content[:4] in (b"\x89PNG", b"\xff\xd8\xff\xe0")

        made = await home.submit(await home.start_flow("shopping_list"), {})
        assert made["type"] == "create_entry", made
        await home.wait_for_state("todo.shopping_list", lambda state: state["state"] == "0")
        await home.call("todo", "add_item", {"entity_id": "todo.shopping_list", "item": "酱油"})
        _, content = await printed(source_entity="todo.shopping_list")
        assert "酱油" in content.decode()
        assert not home.problems("lianke")
