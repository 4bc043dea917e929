"""What tests of assistants share: a scripted model that talks, and what is exposed to it."""

from functools import cached_property
from typing import Any, Literal, override

from homeassistant.auth.models import User
from homeassistant.components import conversation
from homeassistant.components.conversation.models import AbstractConversationAgent
from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.core import (
    Context,
    HomeAssistant,
)
from homeassistant.helpers import (
    chat_session,
    entity_registry as er,
    intent,
    llm,
)
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.lianke.const import DOMAIN
from tests.household import (
    LASER,
    House,
    device_of,
)

CONTEXT = llm.LLMContext(
    platform="test", context=Context(), language="en", assistant=conversation.DOMAIN, device_id=None
)


def status_of(hass: HomeAssistant, printer: str = LASER) -> str:
    for entity in er.async_entries_for_device(er.async_get(hass), device_of(hass, printer)):
        if entity.unique_id.endswith("_status"):
            return entity.entity_id
    raise AssertionError(printer)


def expose(hass: HomeAssistant, *entities: str, exposed: bool = True) -> None:
    for entity_id in entities:
        async_expose_entity(hass, conversation.DOMAIN, entity_id, exposed)


class ScriptedModel(AbstractConversationAgent):
    """Calls the tools it is told to, as a language model would."""

    def __init__(self, hass: HomeAssistant) -> None:
        self.hass = hass
        self.calls: list[llm.ToolInput] = []
        self.results: list[llm.ToolResult] = []
        self.tools: dict[str, llm.Tool] = {}

    @property
    @override
    def supported_languages(self) -> Literal["*"]:
        return "*"

    @override
    async def async_process(
        self, user_input: conversation.ConversationInput
    ) -> conversation.ConversationResult:
        with (
            chat_session.async_get_chat_session(self.hass, user_input.conversation_id) as session,
            conversation.async_get_chat_log(self.hass, session, user_input) as log,
        ):
            await log.async_provide_llm_data(
                user_input.as_llm_context("scripted"), llm.LLM_API_ASSIST
            )
            assert log.llm_api is not None
            self.tools = {tool.name: tool for tool in log.llm_api.tools}
            content = conversation.AssistantContent(
                agent_id=user_input.agent_id, tool_calls=list(self.calls)
            )
            async for result in log.async_add_assistant_content(content):
                assert isinstance(result.result, llm.ToolResult)
                self.results.append(result.result)
        response = intent.IntentResponse(language=user_input.language)
        response.async_set_speech("Done")
        return conversation.ConversationResult(response, user_input.conversation_id)


class Talk(House):
    """The house with the scripted model for an agent."""

    @cached_property
    def model(self) -> ScriptedModel:
        entry = MockConfigEntry(domain="scripted", entry_id="scripted")
        entry.add_to_hass(self.hass)
        agent = ScriptedModel(self.hass)
        conversation.async_set_agent(self.hass, entry, agent)
        return agent

    @property
    def tools(self) -> dict[str, llm.Tool]:
        return self.model.tools

    async def say(
        self, *calls: llm.ToolInput, user: User | None = None, context: Context | None = None
    ) -> list[llm.ToolResult]:
        """Have a user say something that makes the model call tools; return the tools' results.

        A model that answers several times to one sentence does so in the same `context`.
        """
        self.model.calls, self.model.results = list(calls), []
        context = context or Context(user_id=user.id if user else None)
        await conversation.async_converse(self.hass, "Print!", None, context, agent_id="scripted")
        return self.model.results


def view(result: llm.ToolResult) -> dict[str, Any]:
    """Return what a tool told, which must not be an error."""
    assert not result.error
    return dict(result.data)


def call(tool: str, **arguments: Any) -> llm.ToolInput:
    return llm.ToolInput(tool_name=f"{DOMAIN}__{tool}", tool_args=arguments)
