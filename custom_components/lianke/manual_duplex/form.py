"""Steps of the options flow that set how a printer's paper is turned over for manual duplex."""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Final

from homeassistant.config_entries import ConfigFlowResult
from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError
import voluptuous as vol

from ..api.capabilities import Paper
from ..api.models import PrinterType
from ..api.options import DUPLEX
from ..box.printer_identity import StoredPrinter
from ..const import DOMAIN
from ..documents.document import Document
from ..documents.page_documents import WritePage, async_page_text, async_write_page
from ..documents.spool import Spool
from ..error_texts import async_error_message, async_error_text
from ..jobs.box_jobs import async_shield
from ..options_frame import CONF_TARGET, BoxOptionsFlow, UserInput, choice, has_driver, needs_box
from ..pages.testpage import turn_test_page
from . import CONF_MANUAL_DUPLEX, FACE_DOWN, FACE_UP, FACES, Setup

COMES_OUT: Final = "comes_out"
PUT_BACK: Final = "put_back"
SECOND_SIDE: Final = "second_side"
ARROWS: Final = "arrows"
# Answers: on which side of the test sheet the 2 is, and whether the arrows on both sides point in the same direction
# when the user turns the sheet like a page of a book.
BACK: Final = "back"
FRONT: Final = "front"
SAME: Final = "same"
OPPOSITE: Final = "opposite"
QUESTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    COMES_OUT: FACES,
    PUT_BACK: FACES,
    SECOND_SIDE: (BACK, FRONT),
    ARROWS: (SAME, OPPOSITE),
}
PICTURES: Final = ("out", "sides", "arrows")

ONE_SIDED: Final = frozenset({PrinterType.LABEL, PrinterType.RECEIPT})


class ManualDuplexSteps(BoxOptionsFlow):
    """Steps that print a test sheet and ask three questions about it, or take the answers without a test sheet."""

    def __init__(self) -> None:
        super().__init__()
        self._comes_out = FACE_DOWN
        # Sides of the test sheet that are being printed or were printed, with an error message or None.
        self._printed: dict[int, asyncio.Task[str | None]] = {}

    @needs_box
    async def async_step_manual_duplex(self, user_input: UserInput = None) -> ConfigFlowResult:
        """Let the user choose the printer whose paper is turned over manually."""
        if user_input is not None:
            self._target = user_input[CONF_TARGET]
            return await self.async_step_manual_duplex_printer(None)
        chosen = self.config_entry.options.get(CONF_MANUAL_DUPLEX, {})
        return self._choose_printer("manual_duplex", self._printers(chosen, _sheets))

    @needs_box
    async def async_step_manual_duplex_printer(
        self, user_input: UserInput = None
    ) -> ConfigFlowResult:
        """Offer to print the test sheet, to give the answers without a test sheet, or to delete the answers."""
        steps = ["manual_duplex_test", "manual_duplex_answers"]
        if self._target in self.config_entry.options.get(CONF_MANUAL_DUPLEX, {}):
            steps.append("manual_duplex_forget")
        return self.async_show_menu(
            step_id="manual_duplex_printer",
            menu_options=steps,
            description_placeholders={"name": self._target_name()},
        )

    @needs_box
    async def async_step_manual_duplex_test(self, user_input: UserInput = None) -> ConfigFlowResult:
        """Print the first side of the test sheet."""
        if user_input is not None and (refused := await self._async_refusal(1)) is None:
            return await self.async_step_manual_duplex_first(None)
        return self._ask("manual_duplex_test", refused=None if user_input is None else refused)

    @needs_box
    async def async_step_manual_duplex_first(
        self, user_input: UserInput = None
    ) -> ConfigFlowResult:
        """Ask how the test sheet came out, and print its second side."""
        refused = None
        if user_input is not None:
            self._comes_out = user_input[COMES_OUT]
            if (refused := await self._async_refusal(2)) is None:
                return await self.async_step_manual_duplex_second(None)
        return self._ask("manual_duplex_first", COMES_OUT, refused=refused)

    @needs_box
    async def async_step_manual_duplex_second(
        self, user_input: UserInput = None
    ) -> ConfigFlowResult:
        """Ask where the second side was printed and which way its arrow points; save how paper is turned over."""
        if user_input is None:
            return self._ask("manual_duplex_second", SECOND_SIDE, ARROWS)
        # The user put the sheet back face down. If the printer printed on the same side again, face up is right.
        put_back = FACE_DOWN if user_input[SECOND_SIDE] == BACK else FACE_UP
        return self._save_setup(self._comes_out, put_back, user_input[ARROWS])

    @needs_box
    async def async_step_manual_duplex_answers(
        self, user_input: UserInput = None
    ) -> ConfigFlowResult:
        """Show the current answers, and change them without a test sheet."""
        if user_input is not None:
            return self._save_setup(**user_input)
        setup = Setup.of(self.config_entry.options, self._target)
        answers = {
            COMES_OUT: setup.comes_out,
            PUT_BACK: setup.put_back,
            ARROWS: OPPOSITE if setup.turned else SAME,
        }
        return self._ask("manual_duplex_answers", *answers, answers=answers)

    def _save_setup(self, comes_out: str, put_back: str, arrows: str) -> ConfigFlowResult:
        setup = Setup(comes_out=comes_out, put_back=put_back, turned=arrows == OPPOSITE)
        return self._save_for_target(CONF_MANUAL_DUPLEX, setup.as_dict())

    @needs_box
    async def async_step_manual_duplex_forget(
        self, user_input: UserInput = None
    ) -> ConfigFlowResult:
        """Delete the setup, so that the defaults apply again."""
        return self._save_for_target(CONF_MANUAL_DUPLEX, {})

    async def async_print_page(self, write: WritePage) -> None:
        """Print a page on the chosen printer, at once or not at all. Raises HomeAssistantError."""
        raise NotImplementedError

    async def _async_refusal(self, side: int) -> str | None:
        """Print a side of the test sheet; return None, or an error message if the page cannot be printed.

        If a form is submitted again before its first answer has come, the side is printed only once.
        """

        @callback
        def ended(printing: asyncio.Task[str | None]) -> None:
            if printing.cancelled() or printing.exception() or printing.result() is not None:
                # The user may try again.
                del self._printed[side]

        if side not in self._printed:
            self._printed[side] = self.hass.async_create_task(
                self._async_print_side(side), "print a side of the test sheet"
            )
            self._printed[side].add_done_callback(ended)
        return await async_shield(self._printed[side])

    async def _async_print_side(self, side: int) -> str | None:
        async def write(spool: Spool, paper: Paper | None) -> Document:
            title = f"{await async_page_text(self.hass, 'page_turn')} {side}"
            return await async_write_page(
                self.hass, spool, partial(turn_test_page, side=side), paper, title=title, at_most=1
            )

        try:
            await self.async_print_page(write)
        except HomeAssistantError as err:
            reason = {"reason": await async_error_message(self.hass, err)}
            return await async_error_text(self.hass, "manual_duplex_refused", reason)
        return None

    def _ask(
        self,
        step: str,
        *questions: str,
        refused: str | None = None,
        answers: Mapping[str, str] | None = None,
    ) -> ConfigFlowResult:
        """Show a form with these questions and with pictures; `refused` is an error message or None."""
        fields = {
            vol.Required(name, default=(answers or {}).get(name, vol.UNDEFINED)): choice(
                QUESTIONS[name], key=f"manual_duplex_{name}", listed=True
            )
            for name in questions
        }
        return self.async_show_form(
            step_id=step,
            data_schema=vol.Schema(fields),
            # An error that is no translation key is shown as it is.
            errors={} if refused is None else {"base": refused},
            description_placeholders={
                "name": self._target_name(),
                **{name: f"![](/{DOMAIN}/manual-duplex-{name}.svg)" for name in PICTURES},
            },
            last_step=step in ("manual_duplex_second", "manual_duplex_answers"),
        )


def _sheets(known: StoredPrinter) -> int:
    """Return the rank of a printer in the list; 0, for label and receipt printers, leaves the printer out.

    Printers with a duplex unit come last. They are offered because the unit may be broken, or the paper too thick.
    """
    if known.printer.species in ONE_SIDED:
        return 0
    able = known.capabilities and known.capabilities.duplex
    return has_driver(known) and (1 if (able or frozenset()) - {DUPLEX["off"]} else 2)
