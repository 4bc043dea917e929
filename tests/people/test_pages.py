"""A page is shown to who may see it, and to a notification that it was signed for: not to whoever signs."""

from datetime import timedelta
from http import HTTPStatus

from homeassistant.auth.const import GROUP_ID_ADMIN
from homeassistant.auth.models import User
from homeassistant.components.http.auth import async_sign_path
from homeassistant.core import Context
import pytest
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
from yarl import URL

from custom_components.lianke.people import rights
from tests.companion import phone_of
from tests.household import House, uploader
from tests.simulator import make_pdf

CODE = "4711"


@pytest.fixture
async def job_id(house: House, boss: User, hass_client: ClientSessionGenerator) -> str:
    house.set_options({"approval_printers": list(house.data.storage.printers), "approvers": ["x"]})
    upload = await uploader(hass_client)
    answer = await house.ask(
        "print",
        Context(user_id=boss.id),
        device_id=house.device(),
        upload=await upload(make_pdf(1), "Diary.pdf"),
        release_code=CODE,
    )
    job = answer["jobs"][0]
    assert job["waits_for"] == ["approval", "release"]
    return str(job["job_id"])


async def test_a_player_that_signs(
    house: House, anna: User, job_id: str, hass_client_no_auth: ClientSessionGenerator
) -> None:
    """A child's phone told one to play a coded page: the link was signed for the system's own user, who saw all."""
    phone = await phone_of(house.hass, anna, hass_client_no_auth)
    assert await phone.play(f"/api/lianke/job_picture/{job_id}") == HTTPStatus.NOT_FOUND
    [played] = phone.played
    assert played is not None
    assert "authSig" in played


async def test_what_a_notification_proves(
    house: House,
    job_id: str,
    hass_client_no_auth: ClientSessionGenerator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """This page, until then."""
    hass, job = house.hass, house.queue.get(job_id)
    other = await house.ask("print", device_id=house.device(), text="Hello")
    path = rights.async_picture_path(hass, job)
    assert path is not None
    client = await hass_client_no_auth()
    assert (await client.get(path)).status == HTTPStatus.OK

    async def signed_again(url: URL) -> int:
        """Sign an address for the system's user, as a media player does, and fetch it."""
        bare = str(url.without_query_params("authSig"))
        signed = async_sign_path(hass, bare, timedelta(minutes=1), use_content_user=True)
        return int((await client.get(signed)).status)

    url = URL(path)
    proof = url.query[rights.PROOF_PARAMETER]
    until, _, signature = proof.partition("-")
    assert await signed_again(url) == HTTPStatus.OK
    for forged in (
        url.without_query_params(rights.PROOF_PARAMETER),
        url.update_query({rights.PROOF_PARAMETER: ""}),
        url.update_query({rights.PROOF_PARAMETER: f"{int(until) + 1}-{signature}"}),
        url.update_query({rights.PROOF_PARAMETER: f"{until}-{'0' * len(signature)}"}),
        url.update_query({rights.PROOF_PARAMETER: f"{'9' * 5000}-{signature}"}),
        url.update_query({rights.PROOF_PARAMETER: f"²-{signature}"}),
        url.update_query({rights.PROOF_PARAMETER: f"{until}-ÿ"}),
        url.with_path(f"/api/lianke/job_picture/{other['jobs'][0]['job_id']}", keep_query=True),
    ):
        assert await signed_again(forged) == HTTPStatus.NOT_FOUND, forged
    monkeypatch.setattr(rights, "time", lambda: float(until) + 1)
    assert await signed_again(url) == HTTPStatus.NOT_FOUND


async def test_the_users_of_systems(
    house: House, job_id: str, hass_client_no_auth: ClientSessionGenerator
) -> None:
    """An add-on's or a cloud's, an administrator as it may be."""
    cloud = await house.hass.auth.async_create_system_user("Cloud", group_ids=[GROUP_ID_ADMIN])
    token = await house.hass.auth.async_create_refresh_token(cloud)
    access = house.hass.auth.async_create_access_token(token)
    client = await hass_client_no_auth()
    url = f"/api/lianke/job_picture/{job_id}"
    answer = await client.get(url, headers={"Authorization": f"Bearer {access}"})
    assert answer.status == HTTPStatus.NOT_FOUND
