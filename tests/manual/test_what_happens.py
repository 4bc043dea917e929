"""What happens when…: each row of the page, and of the section on scanning, is shown by a test."""

import ast

import pytest

from . import ROOT, section

# Which test shows what a row of "What happens when…" says.
EVERY_FAULT = "tests/proof/test_fault_table.py::test_what_becomes_of_the_paper_everywhere"
SHOWN_BY = {
    "the box is offline": [
        "tests/jobs/test_waiting.py::test_an_answer_is_no_word_about_the_printer",
        "tests/jobs/test_readiness.py::test_held_jobs_go_in_order",
        "tests/printing/test_handlers.py::test_a_job_for_a_printer_without_paper_waits",
    ],
    "the printer is off": [
        "tests/manual/test_examples.py::test_a_printer_that_is_off",
        "tests/proof/test_properties.py::only_the_steady_pass",
        "tests/jobs/test_readiness.py::test_one_printer_does_not_block_another",
    ],
    "paper runs out": ["tests/jobs/test_readiness.py::test_waits_for_paper_and_a_steady_minute"],
    "it is quiet hours": ["tests/jobs/test_readiness.py::test_quiet_hours_hold_until_their_end"],
    "a job has waited too long": [
        "tests/test_triggers.py::test_a_job_expires",
        "tests/jobs/test_outcome.py::test_an_expired_job_that_may_have_begun_is_unconfirmed",
    ],
    "the internet is gone": [EVERY_FAULT],
    "Home Assistant restarts": [
        "tests/proof/test_machine.py::test_stories_long",
        "tests/chaos/test_rounds.py::test_random_rounds",
        "tests/chaos/case_disks.py::power_goes_in_large_uploads",
    ],
    "Home Assistant was off for longer than a job may wait": [
        "tests/test_init.py::test_what_expired_while_nobody_was_home_is_told_once"
    ],
    "the connection breaks before the document was completely sent": [EVERY_FAULT],
    "the connection breaks after the document was sent": [
        EVERY_FAULT,
        "tests/proof/test_fault_table.py::test_a_callback_is_proof_everywhere",
    ],
    'the cloud says "success" though the printer failed': ["tests/test_entities.py::test_a_job_that_fails"],
    "the ApiKey is no longer valid": [
        "tests/manual/test_examples.py::test_a_key_that_is_no_longer_valid",
        "tests/test_config_flow.py::test_new_key_for_every_box_of_the_old_one",
    ],
    "the printer failed 30 times in a row": ["tests/test_repairs.py::test_pause_after_many_failures"],
    "someone else prints on the same box": [EVERY_FAULT],
    "an automation runs wild": [
        "tests/test_repairs.py::test_print_limits",
        "tests/proof/test_runaway.py::test_an_automation_that_fires_all_the_time",
        "tests/proof/test_properties.py::the_limit_lets_no_more_than_its_limit",
    ],
    "the same request_id comes twice": [
        "tests/manual/test_examples.py::test_once_a_day",
        "tests/proof/test_properties.py::a_request_id_answers_once",
    ],
    "the disk is full or read-only": [
        "tests/jobs/test_restart.py::test_what_a_disk_does_not_take_is_refused",
        "tests/chaos/case_disks.py::starts_on_a_read_only_disk",
        "tests/jobs/test_waiting.py::test_an_answer_that_cannot_be_written_is_none",
    ],
    "the disk damages the list of jobs": [
        "tests/ledger/test_ledger.py::test_a_damaged_ledger_is_set_aside_and_what_can_be_read_asks_first",
        "tests/ledger/test_damage.py::test_few_damaged_ledgers_are_kept",
    ],
    "an older version is put back": [
        "tests/upgrade/test_folder.py::test_an_earlier_version_is_refused_and_touches_nothing",
        "tests/upgrade/test_folder.py::test_an_earlier_version_cannot_start_where_the_entrys_version_was_lost",
    ],
    "turned paper lies in the tray for second sides": [
        "tests/chaos/case_turned.py::turned_and_released",
        "tests/chaos/case_turned.py::turned_and_printed_at_once",
    ],
    "a job waits for a person": [
        "tests/jobs/test_waiting.py::test_others_go_on_while_a_job_waits",
        "tests/people/test_approvals.py::test_nobody_answers",
    ],
    "the power fails while a job is being moved": [
        "tests/jobs/test_moving.py::test_a_move_within_a_box_that_is_cut_off_anywhere",
        "tests/jobs/test_moving.py::test_a_move_to_another_box_that_is_cut_off_anywhere",
    ],
    "a box is removed while jobs wait": [
        "tests/test_init.py::test_a_removed_box_tells_of_the_jobs_it_drops"
    ],
    "the printer has no driver yet": [
        "tests/test_entities.py::test_what_is_refused",
        "tests/test_repairs.py::test_driver_is_asked_for_once",
    ],
    "a job is canceled too late": [
        "tests/jobs/test_readiness.py::test_cancel_that_came_too_late_is_told_as_completed",
        "tests/jobs/test_outcome.py::test_only_the_bytes_that_were_sent_show_that_nothing_was_printed",
    ],
    "the service answers with an error that nobody knows": [
        EVERY_FAULT,
        "tests/jobs/test_uploader.py::test_code_and_words_of_an_unclear_refusal_are_told_at_once_and_kept",
    ],
    "a stranger finds the webhook address": ["tests/test_webhook.py::test_forged_callbacks_change_nothing"],
}  # fmt: skip
SHOWN_OF_SCANNING = {
    "the line breaks while a scan is asked for": [
        "tests/scanner/test_results.py::test_a_scan_that_may_have_happened_is_told_as_such"
    ],
    "Home Assistant restarts": [
        "tests/scanner/test_kept.py::test_whoever_waits_for_a_scan_hears_of_its_end_over_a_reload",
        "tests/scanner/test_upgrade.py::test_it_goes_on",
        "tests/scanner/test_scans.py::test_a_copy_is_scanned_once_and_printed_once",
    ],
    "a stack has more than 200 pages": [
        "tests/scanner/test_bounds.py::test_a_stack_of_more_pages_than_are_looked_at"
    ],
    "the feeder jams": [
        "tests/scanner/test_scans.py::test_a_feeder_becomes_one_file_and_a_jam_loses_no_page"
    ],
    "a page is cut off or damaged, something else came in its place, or it cannot be checked": [
        "tests/scanner/test_whole_pages.py::test_what_is_no_page_in_a_stack_is_told_and_stays_at_the_service",
        "tests/scanner/test_whole_pages.py::test_what_did_not_come_whole_is_not_copied",
        "tests/scanner/test_whole_pages.py::test_a_page_that_cannot_be_decoded_is_none_and_stays_at_the_service",
    ],
    "the answer holds other pictures beside the pages: smaller ones of them, a logo, a second format": [
        "tests/scanner/test_table_of_results.py::test_every_page_once_or_a_reason"
    ],
    "the answer names no state": [
        "tests/scanner/test_whole_pages.py::test_an_answer_without_a_state_ends_by_a_time_of_its_own"
    ],
    "the answer holds no page that we recognize": ["tests/scanner/test_results.py::test_every_result"],
    "the printer is busy printing": ["tests/scanner/test_results.py::test_a_printer_that_prints_cannot_scan"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("document", "shown_by"), [("what-happens", SHOWN_BY), ("scanning", SHOWN_OF_SCANNING)]
)
def test_what_happens_when_is_shown_by_tests(document: str, shown_by: dict[str, list[str]]) -> None:
    """Each row names its tests here, and they exist."""
    rows = [row[0].text for row in section("en", "What happens when…", document).rows()]
    assert rows == list(shown_by)
    for tests in shown_by.values():
        for test in tests:
            path, _, name = test.partition("::")
            tree = ast.parse((ROOT / path).read_text("utf-8"))
            names = {
                node.name
                for node in ast.walk(tree)
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            }
            assert name in names, test
