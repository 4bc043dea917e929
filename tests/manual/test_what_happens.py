"""What happens when…: each row of the page, and of the section on scanning, is shown by a test."""

import ast

import pytest

from . import ROOT, section

# Which test shows what a row of "What happens when…" says.
SHOWN_BY = {
    "the box is offline": ["tests/jobs/test_readiness.py::test_offline_box_holds_and_an_impatient_caller_is_told"],
    "the printer is off": [
        "tests/manual/test_examples.py::test_a_printer_that_is_off",
        "tests/jobs/test_readiness.py::test_readiness_must_be_steady",
        "tests/jobs/test_readiness.py::test_one_printer_does_not_block_another",
    ],
    "paper runs out": ["tests/jobs/test_readiness.py::test_waits_for_paper_and_a_steady_minute"],
    "it is quiet hours": ["tests/jobs/test_readiness.py::test_quiet_hours_hold_until_their_end"],
    "a job has waited too long": [
        "tests/jobs/test_readiness.py::test_expires_unprinted",
        "tests/jobs/test_readiness.py::test_takes_a_job_back_that_waits_in_the_cloud_too_long",
    ],
    "the internet is gone": ["tests/jobs/test_readiness.py::test_internet_gone_holds_and_sends_once_it_is_back"],
    "Home Assistant restarts": [
        "tests/jobs/test_restart.py::test_a_held_job_survives_a_restart_and_prints_once",
        "tests/jobs/test_restart.py::test_an_open_job_is_followed_after_a_restart",
        "tests/jobs/test_restart.py::test_an_upload_cut_off_before_its_end_is_sent_after_a_restart",
        "tests/jobs/test_restart.py::test_an_upload_handed_over_before_a_crash_is_never_sent_again",
    ],
    "Home Assistant was off for longer than a job may wait": [
        "tests/jobs/test_restart.py::test_a_job_that_was_to_be_printed_yesterday_is_not_printed"
    ],
    "the connection breaks before the document was completely sent": [
        "tests/jobs/test_reconciliation.py::test_what_never_left_is_sent_again"
    ],
    "the connection breaks after the document was sent": [
        "tests/jobs/test_reconciliation.py::test_absence_proves_nothing_and_is_never_sent_again",
        "tests/jobs/test_reconciliation.py::test_the_list_proves_a_lost_answer",
        "tests/jobs/test_reconciliation.py::test_a_callback_proves_a_lost_answer",
    ],
    'the cloud says "success" though the printer failed': [
        "tests/jobs/test_queue.py::test_success_with_503_is_told_as_failed"
    ],
    "the ApiKey is no longer valid": [
        "tests/manual/test_examples.py::test_a_key_that_is_no_longer_valid",
        "tests/test_config_flow.py::test_new_key_for_every_box_of_the_old_one",
    ],
    "the printer failed 30 times in a row": [
        "tests/jobs/test_readiness.py::test_paused_after_too_many_failures_waits_until_released"
    ],
    "someone else prints on the same box": [
        "tests/jobs/test_reconciliation.py::test_someone_elses_task_leaves_it_unconfirmed"
    ],
    "an automation runs wild": [
        "tests/jobs/test_limits.py::test_the_limit_stops_a_loop",
        "tests/jobs/test_limits.py::test_a_loop_against_a_printer_that_is_off_fills_no_tray",
    ],
    "the same request_id comes twice": [
        "tests/jobs/test_limits.py::test_a_request_id_prints_once",
        "tests/jobs/test_outcome.py::test_a_canceled_task_does_not_free_a_request_id",
    ],
    "the disk is full or read-only": [
        "tests/jobs/test_restart.py::test_a_full_disk_refuses_the_print",
        "tests/jobs/test_interrupted.py::test_a_read_only_disk_is_one_clear_error",
        "tests/jobs/test_interrupted.py::test_a_cancel_that_cannot_be_written_is_not_told_and_not_done",
    ],
    "the configuration folder was copied to another Home Assistant": [
        "tests/jobs/test_location.py::test_held_jobs_of_a_copied_folder_wait_for_a_person"
    ],
    "turned paper lies in the tray for second sides": [
        "tests/manual_duplex/test_jobs.py::test_an_older_job_does_not_go_first",
        "tests/manual_duplex/test_jobs.py::test_whoever_prints_at_that_moment_waits",
    ],
    "a job waits for a person": [
        "tests/jobs/test_waiting.py::test_others_go_on_while_a_job_waits",
        "tests/jobs/test_waiting.py::test_without_an_answer_it_expires",
    ],
    "the power fails while a job is being moved": [
        "tests/jobs/test_moving.py::test_a_move_within_a_box_that_is_cut_off_anywhere",
        "tests/jobs/test_moving.py::test_a_move_to_another_box_that_is_cut_off_anywhere",
    ],
    "a box is removed while jobs wait": [
        "tests/test_init.py::test_a_removed_box_tells_of_the_jobs_it_drops"
    ],
    "the printer has no driver yet": ["tests/jobs/test_readiness.py::test_awaiting_driver_is_refused_at_once"],
    "a job is canceled too late": [
        "tests/jobs/test_readiness.py::test_cancel_that_came_too_late_is_told_as_completed",
        "tests/jobs/test_outcome.py::test_a_job_canceled_in_the_middle_may_be_on_paper",
        "tests/jobs/test_outcome.py::test_only_the_bytes_that_were_sent_show_that_nothing_was_printed",
    ],
    "the service answers with an error that nobody knows": [
        "tests/jobs/test_reconciliation.py::test_a_refusal_that_nobody_explains_is_doubt"
    ],
    "a stranger finds the webhook address": [
        "tests/jobs/test_reconciliation.py::test_a_forged_callback_changes_nothing"
    ],
}  # fmt: skip
SHOWN_OF_SCANNING = {
    "the line breaks while a scan is asked for": [
        "tests/scanner/test_results.py::test_a_scan_that_may_have_happened_is_told_as_such"
    ],
    "Home Assistant restarts": [
        "tests/scanner/test_scans.py::test_a_scan_under_way_is_taken_up_again",
        "tests/scanner/test_scans.py::test_a_scan_that_a_crash_cut_off_is_not_made_again",
        "tests/scanner/test_scans.py::test_a_copy_is_scanned_once_and_printed_once",
    ],
    "the feeder jams": [
        "tests/scanner/test_scans.py::test_a_feeder_becomes_one_file_and_a_jam_loses_no_page"
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
