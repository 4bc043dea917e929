"""Steps of the options flow: how a printer's paper is turned over between its two sides."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from homeassistant.config_entries import ConfigFlowResult
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.selector import (
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
)
import voluptuous as vol

from ..api.capabilities import Paper
from ..api.models import Species
from ..api.options import DUPLEX
from ..box.storage import StoredPrinter
from ..const import DOMAIN
from ..documents.document import Document
from ..documents.page_documents import (
    DEFAULT_PAGE,
    WritePage,
    async_page_text,
    async_style,
    async_write_page,
)
from ..documents.spool import Spool
from ..options_frame import CONF_TARGET, BoxOptionsFlow, needs_box, one_of
from ..pages.testpage import turn_page
from ..runtime import async_error_text
from .deliveries import CONF_MANUAL_DUPLEX, FACE_DOWN, FACE_UP, FACES, Setup

COMES_OUT: Final = "comes_out"
PUT_BACK: Final = "put_back"
SECOND_SIDE: Final = "second_side"
ARROWS: Final = "arrows"
# Where the 2 is, and how the arrows point once the sheet is turned like a page of a book.
BACK: Final = "back"
FRONT: Final = "front"
SAME: Final = "same"
OPPOSITE: Final = "opposite"
PICTURES: Final = f"/{DOMAIN}/by-hand-"

ONE_SIDED: Final = frozenset({Species.LABEL, Species.RECEIPT})


class ManualDuplexSteps(BoxOptionsFlow):
    """A test sheet and three questions, or the answers right away."""

    def __init__(self) -> None:
        """Know nothing of the printer yet."""
        super().__init__()
        self._comes_out = FACE_DOWN

    @needs_box
    async def async_step_by_hand(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Choose the printer whose paper is turned over by hand."""
        if user_input is not None:
            self._target = user_input[CONF_TARGET]
            return await self.async_step_by_hand_printer(None)
        printers = self._two_sided(self.config_entry.options.get(CONF_MANUAL_DUPLEX, {}))
        return self.async_show_form(
            step_id="by_hand" if printers else "no_printers",
            data_schema=vol.Schema(
                {vol.Required(CONF_TARGET): one_of(printers)} if printers else {}
            ),
            last_step=not printers,
        )

    def _two_sided(self, chosen: Mapping[str, Any]) -> list[SelectOptionDict]:
        """Return the printers on sheets, those last that are known to have a duplex unit.

        It may be broken, or the paper too thick for it.
        """
        printers = self.config_entry.runtime_data.storage.printers
        offers = [
            offer
            for offer in self._printers(chosen)
            if offer["value"] in chosen or printers[offer["value"]].printer.species not in ONE_SIDED
        ]
        return sorted(
            offers,
            key=lambda offer: offer["value"] not in chosen and _has_unit(printers[offer["value"]]),
        )

    @needs_box
    async def async_step_by_hand_printer(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Offer the test sheet, the answers themselves, and to forget them."""
        steps = ["by_hand_test", "by_hand_answers"]
        if self._target in self.config_entry.options.get(CONF_MANUAL_DUPLEX, {}):
            steps.append("by_hand_forget")
        return self.async_show_menu(
            step_id="by_hand_printer",
            menu_options=steps,
            description_placeholders={"name": self._target_name()},
        )

    @needs_box
    async def async_step_by_hand_test(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Print the first side of the test sheet."""
        if user_input is not None and (refused := await self._async_refusal(1)) is None:
            return await self.async_step_by_hand_first(None)
        return self._show("by_hand_test", {}, None if user_input is None else refused)

    @needs_box
    async def async_step_by_hand_first(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask how the sheet came out, and print its second side."""
        refused = None
        if user_input is not None:
            self._comes_out = user_input[COMES_OUT]
            if (refused := await self._async_refusal(2)) is None:
                return await self.async_step_by_hand_second(None)
        return self._show("by_hand_first", {COMES_OUT: FACES}, refused, out="out")

    @needs_box
    async def async_step_by_hand_second(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask where the second side is and how it lies; from that follows how paper is turned."""
        if user_input is None:
            return self._show(
                "by_hand_second",
                {SECOND_SIDE: (BACK, FRONT), ARROWS: (SAME, OPPOSITE)},
                sides="sides",
                arrows="arrows",
            )
        setup = Setup(
            comes_out=self._comes_out,
            # The sheet was put back with the printed side down: if it was printed on again, up is right.
            put_back=FACE_DOWN if user_input[SECOND_SIDE] == BACK else FACE_UP,
            turned=user_input[ARROWS] == OPPOSITE,
        )
        return self._save_for_target(CONF_MANUAL_DUPLEX, setup.as_dict())

    @needs_box
    async def async_step_by_hand_answers(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Show the present answers and change them without a test sheet."""
        setup = Setup.of(self.config_entry.options, self._target)
        if user_input is None:
            defaults = {
                COMES_OUT: setup.comes_out,
                PUT_BACK: setup.put_back,
                ARROWS: OPPOSITE if setup.turned else SAME,
            }
            return self._show(
                "by_hand_answers",
                {COMES_OUT: FACES, PUT_BACK: FACES, ARROWS: (SAME, OPPOSITE)},
                defaults=defaults,
                out="out",
                arrows="arrows",
            )
        setup = Setup(
            comes_out=user_input[COMES_OUT],
            put_back=user_input[PUT_BACK],
            turned=user_input[ARROWS] == OPPOSITE,
        )
        return self._save_for_target(CONF_MANUAL_DUPLEX, setup.as_dict())

    @needs_box
    async def async_step_by_hand_forget(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Expect of the printer again what is right for most."""
        return self._save_for_target(CONF_MANUAL_DUPLEX, {})

    async def async_print_page(self, write: WritePage) -> None:
        """Print a page on the chosen printer, now or not at all; how, is known above the rooms.

        Raises HomeAssistantError.
        """
        raise NotImplementedError

    async def _async_refusal(self, side: int) -> str | None:
        """Print a side of the test sheet; return why that was refused, None if it was not."""

        async def write(spool: Spool, paper: Paper | None) -> Document:
            style = await async_style(self.hass, paper, DEFAULT_PAGE)
            title = f"{await async_page_text(self.hass, 'page_turn')} {side}"
            return await async_write_page(
                self.hass, spool, partial(turn_page, style, side), style, title=title, at_most=1
            )

        try:
            await self.async_print_page(write)
        except HomeAssistantError as err:
            text = await async_error_text(
                self.hass, err.translation_key or "", err.translation_placeholders or {}
            )
            return text or str(err)
        return None

    def _show(
        self,
        step: str,
        questions: Mapping[str, tuple[str, ...]],
        refused: str | None = None,
        *,
        defaults: Mapping[str, str] | None = None,
        **pictures: str,
    ) -> ConfigFlowResult:
        """Show a form with questions, and pictures in its description."""
        fields = {
            vol.Required(name, default=(defaults or {}).get(name, vol.UNDEFINED)): SelectSelector(
                SelectSelectorConfig(
                    options=list(answers),
                    translation_key=f"by_hand_{name}",
                    mode=SelectSelectorMode.LIST,
                )
            )
            for name, answers in questions.items()
        }
        shown = {name: f"![]({PICTURES}{file}.svg)" for name, file in pictures.items()}
        return self.async_show_form(
            step_id=step,
            data_schema=vol.Schema(fields),
            errors={} if refused is None else {"base": "by_hand_refused"},
            description_placeholders={
                "name": self._target_name(),
                "reason": refused or "",
                **shown,
            },
            last_step=step in ("by_hand_second", "by_hand_answers"),
        )


def _has_unit(printer: StoredPrinter) -> bool:
    """Return whether a printer is known to print both sides by itself."""
    able = printer.capabilities
    return able is not None and bool((able.duplex or frozenset()) - {DUPLEX["off"]})
