"""Every fault that a run must survive, what it must do, and the tests that show it; or why it cannot be made here.

H are faults of servers, J of a judge's replies, P of the process and what it stores.
"""

import ast
from functools import cache
from pathlib import Path

import pytest

HERE = Path(__file__).parent

# number: (the fault, what is required, tests as file::function without `test_` and `.py`, else why there is none)
FAULTS: dict[str, tuple[str, str, list[str] | str]] = {
    "H1": (
        "429 with Retry-After in any form, or for a day",
        "honoured, capped; a long rest costs no attempt; one cut of the window",
        ["models_openai_reply::retry_after_is_read_in_all_its_forms",
         "models_openai_reply::retry_after_is_none_or_a_positive_number",
         "models_openai_control::a_server_that_wants_a_long_rest_gets_it_without_a_lost_attempt",
         "models_openai_control::a_server_that_wants_a_day_ends_the_run",
         "models_openai_control::a_round_trip_of_refusals_halves_the_window_and_one_of_successes_widens_it_by_a_25th"],
    ),
    "H2": (
        "429 without a header; 429 or 402 for an unpaid bill",
        "back off; the bill ends the run at once",
        ["models_openai_control::refusals_for_the_rate_narrow_what_is_in_flight_to_what_the_server_bears",
         "models_openai::a_lasting_fault_has_a_kind_and_is_asked_no_more_than_helps"],
    ),
    "H3": (
        "500, 502, 503, 504, 520, 529, overloaded",
        "asked again; overload narrows the window, a plain 5xx does not",
        ["models_openai::a_passing_fault_is_survived_by_asking_once_more",
         "models_openai::a_lasting_fault_has_a_kind_and_is_asked_no_more_than_helps",
         "models_openai_reply::a_fault_carries_the_servers_words_and_wish"],
    ),
    "H4": ("408 and 409", "asked again", ["models_openai::a_passing_fault_is_survived_by_asking_once_more"]),
    "H5": (
        "400 for a long context, 413",
        "a terminal failure of that unit alone",
        ["models_openai::a_lasting_fault_has_a_kind_and_is_asked_no_more_than_helps",
         "models_transformers::a_prompt_without_room_fails_alone"],
    ),
    "H6": (
        "400 for a parameter that the server does not take",
        "learnt once, not per row; what a judgement rests on is never left out; counted in the store, status and report, and the "
        "doctor tells",
        ["models_openai::what_a_server_does_not_take_is_left_out_once_and_for_all",
         "models_openai::what_a_judgement_rests_on_is_never_left_out",
         "remarks::what_a_server_tells_and_does_is_kept_counted_and_shown",
         "doctor::what_a_server_cannot_do_is_told_with_what_to_do"],
    ),
    "H7": (
        "401 or 403 at first, 403 for one request later",
        "ends the run at first; later the request's own failure",
        ["models_openai::a_forbidden_request_ends_the_run_at_first_and_is_the_requests_own_fault_later",
         "doctor::a_server_that_refuses_fails_with_its_kind"],
    ),
    "H8": ("404 for the model", "ends the run and names the models that are there",
           ["models_openai::an_unknown_model_names_those_that_the_server_has"]),
    "H9": (
        "no connection, no such host, no TLS; at first or later",
        "waited for as long as the file allows, with a line that says so; then unreachable ends the run; later the server is "
        "set aside, probed and used again",
        ["models_openai::a_server_that_is_not_there_is_unreachable",
         "remarks::a_server_that_is_still_coming_up_is_waited_for", "remarks::waiting_for_a_server_is_bounded",
         "models_openai::a_server_that_speaks_no_tls_is_unreachable_by_it",
         "models_openai::an_address_that_is_none_is_told",
         "models_openai_control::a_dead_server_is_set_aside_and_the_other_does_its_work",
         "models_openai_control::a_server_that_comes_back_is_used_again",
         "models_openai_control::once_all_servers_have_failed_for_too_long_the_run_ends_and_says_so"],
    ),
    "H10": (
        "a reply cut anywhere, of a wrong length, of bad gzip or of half JSON",
        "an error and asked again, never half an answer",
        ["models_openai::a_passing_fault_is_survived_by_asking_once_more",
         "models_wire::a_reply_cut_anywhere_is_an_error",
         "models_wire::what_is_no_http_is_an_error_at_once",
         "models_wire::through_a_proxy_too_a_reply_is_whole_or_an_error"],
    ),
    "H11": (
        "a drip of bytes, or none at all",
        "one deadline for the whole attempt; no slot is lost",
        ["models_openai::the_deadline_is_for_the_whole_attempt",
         "models_openai::all_attempts_together_are_bounded_in_time",
         "models_openai_control::no_slot_leaks_after_a_thousand_requests_that_never_end",
         "models_openai_control::what_passed_its_deadline_is_asked_again_at_once",
         "models_openai_fleet::what_passed_its_deadline_keeps_its_place"],
    ),
    "H12": (
        "200 with HTML, an error, no choices, no text, senseless usage",
        "asked again, then malformed; unknown usage is unknown and guessed for the budget, never free",
        ["models_openai::a_passing_fault_is_survived_by_asking_once_more",
         "models_openai_reply::any_bytes_are_completions_or_a_fault_with_a_kind",
         "models_openai_reply::missing_or_senseless_usage_is_unknown",
         "plan_budget::a_server_that_counts_no_tokens_is_guessed_never_free"],
    ),
    "H13": (
        "fewer or more than n choices, an index twice, n ignored",
        "what came is kept, the rest asked for one by one, the surplus dropped and counted",
        ["models_openai::what_is_missing_of_n_is_asked_for_alone",
         "models_openai::more_than_asked_for_is_dropped_and_order_is_by_index",
         "remarks::what_a_server_tells_and_does_is_kept_counted_and_shown",
         "models_openai::a_server_that_ignores_n_is_asked_one_at_a_time_after_a_while",
         "models_openai::completions_that_were_had_are_kept_when_another_cannot_be"],
    ),
    "H14": (
        "all samples of a prompt are the same",
        "one candidate, no pair, the reason counted, and the cause told",
        ["pair::pairs_by_case", "pair::every_response_has_one_outcome_with_its_reason",
         "process_faults::samples_that_are_all_the_same_make_no_pair_and_are_judged_once"],
    ),
    "H15": (
        "an answer cut off by its limit",
        "kept and marked, never chosen, left out of both sides on demand",
        ["pair::pairs_by_case", "pair_filters::what_was_cut_off_or_refused_may_be_kept_out_of_both_sides",
         "models_scripted::max_tokens_cuts_an_answer"],
    ),
    "H16": (
        "a filtered or refused answer, in any form",
        "an outcome that is counted, neither error nor answer",
        ["models_openai::a_refusal_is_an_answer_and_no_error", "pair::every_response_has_one_outcome_with_its_reason"],
    ),
    "H17": (
        "a reply of a gigabyte, or without end",
        "cut off at a bound, oversized, not asked again",
        ["models_openai::a_lasting_fault_has_a_kind_and_is_asked_no_more_than_helps",
         "models_wire::a_reply_longer_than_any_honest_one_is_cut_off"],
    ),
    "H18": ("a redirect elsewhere", "not followed",
            ["models_openai::a_lasting_fault_has_a_kind_and_is_asked_no_more_than_helps"]),
    "H19": (
        "a proxy in the environment and a server on this machine",
        "the proxy is for others alone",
        ["models_wire::a_proxy_of_the_environment_is_used_but_not_for_what_needs_none",
         "models_openai::no_environment_variable_sends_requests_elsewhere"],
    ),
    "H20": (
        "another model under the same name, or another version, length, root or build of it",
        "another name ends the run, never mixed; what else a server tells of itself is kept run by run, and a change is told",
        ["models_openai_control::another_model_under_the_same_name_ends_the_run",
         "judge_witness::a_server_that_answers_as_another_model_in_a_later_run_ends_it",
         "remarks::an_introduction_is_what_the_list_of_models_says_of_the_model",
         "remarks::what_a_server_tells_and_does_is_kept_counted_and_shown"],
    ),
    "H21": (
        "healthy by its own account, and no progress",
        "the server is started again",
        ["models_vllm::what_was_in_flight_when_a_server_dies_or_stalls_is_answered_by_the_next_one"],
    ),
    "H22": (
        "a server of our own runs out of memory, dies, or is left behind",
        "its log becomes what to do; bounded restarts; no process survives",
        ["models_vllm::a_log_is_turned_into_what_to_do",
         "models_vllm::a_server_that_does_not_start_says_why_and_what_to_do",
         "models_vllm::a_server_that_may_not_be_started_again_ends_the_run",
         "models_vllm::a_server_ends_with_its_owner_even_where_that_is_killed",
         "models_vllm::what_outlives_its_owner_and_its_watcher_is_ended_by_the_next_start"],
    ),
    "J1": (
        "prose, fences, thoughts, two objects, single quotes, trailing commas",
        "one strict JSON object, or malformed",
        ["verdict::a_verdict_is_read", "verdict::what_is_no_verdict_is_a_failure_and_never_a_number",
         "attacks::a_reply_with_a_forged_verdict_in_it_is_no_verdict"],
    ),
    "J2": (
        "a verdict cut off, or blanks without end",
        "asked again with more room; then truncated, and the blanks are told",
        ["judge_scale::a_verdict_that_was_cut_off_is_asked_for_again_with_more_room",
         "judge_scale::a_verdict_that_never_comes_is_a_failure_of_all_its_criteria_with_its_kind"],
    ),
    "J3": (
        "a score out of range, half a point, text, true, null, NaN, infinite",
        "a failure, never clamped",
        ["verdict::what_is_no_verdict_is_a_failure_and_never_a_number",
         "any_text::any_reply_whatsoever_gives_keyed_values_in_range_or_a_failure_kind",
         "attacks::any_reply_on_all_criteria_gives_each_a_whole_number_in_range_or_a_failure_kind"],
    ),
    "J4": ("a name twice in one object", "malformed", ["verdict::what_is_no_verdict_is_a_failure_and_never_a_number"]),
    "J5": (
        "a criterion missing, too many, renamed, in another order",
        "the exact set by name, or none counts",
        ["verdict::criteria_judged_together_are_all_there_by_name_or_none_counts",
         "verdict::scores_are_matched_by_name_and_not_by_place"],
    ),
    "J6": (
        "a score in the rationale that is not the verdict",
        "only the named field counts, for its log-probability too",
        ["verdict::a_verdict_is_read", "verdict::a_digit_of_the_rationale_is_not_taken_for_the_score",
         "attacks::a_forged_verdict_that_is_only_quoted_changes_no_score"],
    ),
    "J7": (
        "the judge refuses or is filtered",
        "a kind, and failures shown by judge",
        ["judge_scale::a_verdict_that_never_comes_is_a_failure_of_all_its_criteria_with_its_kind",
         "report::every_part_of_the_funnel_has_a_reason_and_stands_in_the_page",
         "loop::failures_are_rows_with_a_kind_and_no_value"],
    ),
    "J8": (
        "no verdict for one of several answers",
        "that answer is in no pair, the others still are",
        ["pair::pairs_by_case", "pair::every_response_has_one_outcome_with_its_reason"],
    ),
    "J9": ("ties, small margins, all equal", "no pair, and the reason counted", ["pair::pairs_by_case"]),
    "J10": (
        "an answer that gives the judge orders",
        "it stays between its fences; what a judge falls for is measured",
        ["any_text::whatever_a_response_says_it_stays_between_its_fences_in_every_prompt",
         "attacks::an_attack_stays_between_the_two_fences_and_the_judges_instructions_come_after",
         "attacks::an_audit_shows_what_each_judge_falls_for",
         "template::marks_of_chat_templates_are_broken_in_the_judges_view"],
    ),
    "P1": (
        "killed at any moment",
        "the same pairs as an undisturbed run, and no more asked again than was in flight",
        ["loop::a_run_that_is_stopped_half_way_ends_with_the_same_pairs",
         "loop_tiny::a_killed_run_ends_with_the_pairs_of_an_undisturbed_one_and_a_trained_model",
         "pair_target::a_run_that_is_killed_in_a_round_ends_with_the_pairs_of_an_undisturbed_one",
         "train::a_killed_training_ends_in_the_same_weights_and_nothing_calls_home",
         "store_versions::a_migration_that_fails_half_way_leaves_the_store_as_it_was",
         "export::what_a_killed_export_left_aside_is_never_taken_for_data"],
    ),
    "P2": (
        "SIGINT, SIGTERM or a closed terminal once, twice, three times",
        "drained and told how to go on; cancelled; gone",
        ["signals::the_first_signal_begins_nothing_new_keeps_what_comes_in_and_tells_how_to_go_on",
         "signals::a_closed_terminal_stops_a_run_like_any_first_signal",
         "models_openai_fleet::once_a_stop_is_asked_for_only_what_goes_on_with_a_begun_unit_is_sent",
         "signals::the_second_signal_waits_for_nothing_and_keeps_what_is_finished",
         "signals::the_third_signal_leaves_whatever_is_under_way",
         "signals::what_does_not_come_in_within_the_grace_is_cancelled",
         "signals::work_that_has_nothing_in_flight_ends_at_the_first_signal",
         "signals::a_model_in_this_process_stops_as_well_and_the_pairs_stay_the_same"],
    ),
    "P3": ("a full disk, or a place that cannot be written", "the run ends and says so; what was kept is there",
           ["process_faults::a_full_disk_ends_the_run_with_what_to_do_and_nothing_kept_is_lost",
            "export::an_export_to_a_full_disk_is_told_with_its_place_and_leaves_no_half",
            "export::an_export_that_cannot_be_written_is_told_with_its_place"]),
    "P4": (
        "a second process, or the lock of a dead one",
        "told at once with its number; a lock ends with its holder",
        ["mistakes::a_store_in_use_is_told_with_who_holds_it", "process_faults::a_lock_does_not_outlive_who_held_it"],
    ),
    "P5": (
        "the clock jumps; two runs in one second",
        "the wall clock is for records; names do not rest on it",
        ["process_faults::the_wall_clock_is_read_for_records_alone",
         "process_faults::runs_of_the_same_second_have_names_of_their_own"],
    ),
    "P6": (
        "a store of an older version, of a newer one, or no store at all",
        "brought up to date in one transaction with a copy kept; refused with both versions and what to do",
        ["store_versions::a_store_of_schema_3_becomes_one_of_today_and_keeps_its_rows_and_a_copy",
         "store_versions::a_migration_that_fails_half_way_leaves_the_store_as_it_was",
         "store_versions::a_store_that_cannot_be_read_is_refused_with_both_versions_and_what_to_do",
         "store_versions::another_database_is_not_written_into", "doctor::a_store_of_another_version_is_told"],
    ),
    "P7": (
        "the pipeline changes between runs",
        "told, with what it makes owed; what changes answers is in the keys, so only that is; what changes speed is not",
        ["changes::what_changed_is_told_with_what_it_makes_owed", "changes::a_wording_that_changed_in_its_file_is_told",
         "changes::each_run_is_told_against_the_one_before",
         "loop::a_changed_weight_or_strategy_or_margin_asks_no_model",
         "loop::a_changed_wording_owes_the_scores_of_its_criterion_only",
         "models_scripted::identity_is_what_changes_answers", "models_vllm::a_model_is_known_by_what_changes_its_answers"],
    ),
    "P8": (
        "rows edited, in another order, added, taken out",
        "keys are of content: only what is new is owed",
        ["process_faults::rows_in_another_order_owe_nothing_and_an_edited_one_owes_itself",
         "loop::ten_more_prompts_owe_only_theirs_and_more_samples_only_the_new_ones",
         "collect::a_prompt_taken_out_of_its_source_is_out_of_play_but_not_forgotten"],
    ),
    "P9": (
        "units that always fail",
        "so many attempts over all runs, and counted; as many again on demand",
        ["retry::what_was_given_up_is_asked_for_again_as_often_as_at_first_and_heals",
         "process_faults::a_unit_that_always_fails_is_tried_so_often_over_all_runs_and_is_counted"],
    ),
    "P10": (
        "nearly everything fails",
        "ends when nearly all of the last have failed, or every server for too long, and says how; goes on later",
        ["breaker::a_stage_ends_when_nearly_all_of_its_last_units_failed",
         "breaker::the_error_names_the_kinds_of_that_window_and_the_last_words",
         "breaker::a_run_that_was_ended_goes_on_when_the_cause_is_gone",
         "models_openai_control::once_all_servers_have_failed_for_too_long_the_run_ends_and_says_so",
         "models_openai_control::a_server_that_fails_again_and_again_is_set_aside_for_longer_each_time_until_it_answers"],
    ),
    "P11": (
        "odd text: NUL, half a character, other line ends, right to left, markup, escapes",
        "unchanged in the data, harmless on a terminal and a page",
        ["process_faults::odd_text_comes_through_unchanged_and_half_a_character_becomes_a_mark",
         "collect_sources::any_text_is_a_prompt_that_utf8_can_hold_or_none",
         "models_openai_reply::text_in_parts_is_joined_and_lone_surrogates_are_replaced",
         "explain::text_cannot_drive_the_terminal", "views::a_store_full_of_hostile_text_moves_no_cursor",
         "report::hostile_text_stays_text"],
    ),
    "P12": (
        "no rows, one, one sample, duplicates, a megabyte",
        "each has a defined outcome",
        ["process_faults::an_empty_source_is_told_and_one_row_or_one_sample_or_the_same_row_twice_is_no_fault",
         "process_faults::a_prompt_of_a_megabyte_goes_through",
         "collect::duplicates_and_blanks_are_dropped_with_their_reason"],
    ),
    "P13": (
        "the hub: no token, no network, 429, a conflict",
        "the data set is whole here first; one commit or none",
        ["export_push::a_refusal_says_what_to_do_and_never_the_token",
         "export_push::a_hub_that_is_not_there_is_told_with_where_the_data_set_is",
         "export_push::a_second_push_of_the_same_sends_nothing",
         "export_push::the_repository_holds_the_data_set_and_its_card_in_one_commit"],
    ),
    "P14": ("an export killed half-way", "never taken for data",
            ["export::what_a_killed_export_left_aside_is_never_taken_for_data"]),
    "P15": (
        "a training killed, NaN, on pairs that are equal or do not fit",
        "goes on exactly; stops; refused before it begins",
        ["train::a_killed_training_ends_in_the_same_weights_and_nothing_calls_home",
         "train::an_option_that_cannot_work_is_refused_with_its_line", "train::the_preflight_refuses_by_kind",
         "train::a_new_option_or_pair_is_another_training"],
    ),
    "P16": (
        "a loop that runs already, as in a notebook; a fork",
        "a thread of its own; nothing forks",
        ["event_loop::work_runs_from_plain_code_and_from_inside_a_running_loop", "process_faults::nothing_forks"],
    ),
}  # fmt: skip
# Parts of a row that nothing here shows, and why.
PARTS = {
    "H20": "weights that change while the server tells the same of itself cannot be seen",
    "H22": "errors of CUDA and a GPU's memory need a GPU; what vLLM logs of them is read from its log as it was seen",
    "P3": "a full file system needs one of its own: the bound of a process on file sizes stands in for it",
    "P4": "a lock on a network share needs one",
    "P5": "the machine's clock cannot be set here: that nothing is decided by it is shown by who reads it",
    "P13": "the hub's network is not cut half-way: what its client sends before the one commit is not seen by anybody",
}
NUMBERS = [f"{letter}{number}" for letter, last in (("H", 22), ("J", 10), ("P", 16)) for number in range(1, last + 1)]


@cache
def functions(file: str) -> frozenset[str]:
    tree = ast.parse((HERE / f"test_{file}.py").read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_every_fault_has_its_row() -> None:
    assert list(FAULTS) == NUMBERS


def test_what_is_not_shown_is_named_with_its_reason() -> None:
    assert set(PARTS) <= set(NUMBERS)
    assert all(PARTS.values())


@pytest.mark.parametrize("number", FAULTS)
def test_every_fault_has_tests_that_exist_or_a_reason(number: str) -> None:
    fault, required, shown = FAULTS[number]
    assert fault
    assert required
    assert shown
    if isinstance(shown, str):
        return
    for name in shown:
        file, _, function = name.partition("::")
        assert f"test_{function}" in functions(file), name
