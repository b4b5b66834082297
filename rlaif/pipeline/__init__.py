"""The stages in order: each function does the work of one command, and `everything` runs them all.

The store is the only state between stages, so any of them can be run alone, again, or after a stop.
"""

from rlaif.pipeline.generate_and_judge import collect, generate, generate_and_judge, judge
from rlaif.pipeline.judge_readiness import advise, agreement_between, count_usable, describe_judged
from rlaif.pipeline.plan import Plan
from rlaif.pipeline.readiness import need_models, need_prompts, need_responses, need_scores
from rlaif.pipeline.resolve import resolve
from rlaif.pipeline.runner import everything
from rlaif.pipeline.session import (
    config_json,
    need_store,
    open_copy,
    open_reading,
    open_run,
    open_run_or_copy,
    refuse_moved,
    status,
)
from rlaif.pipeline.stages.pair import ensure_pairing, export, make_pairs, newest, pair, top_up
from rlaif.pipeline.train_and_evaluate import agreements, evaluate, prepare_training, report, take_training, train
from rlaif.pipeline.validate import check, check_judges, check_pairs, check_scored

__all__ = [
    "Plan",
    "advise",
    "agreement_between",
    "agreements",
    "check",
    "check_judges",
    "check_pairs",
    "check_scored",
    "collect",
    "config_json",
    "count_usable",
    "describe_judged",
    "ensure_pairing",
    "evaluate",
    "everything",
    "export",
    "generate",
    "generate_and_judge",
    "judge",
    "make_pairs",
    "need_models",
    "need_prompts",
    "need_responses",
    "need_scores",
    "need_store",
    "newest",
    "open_copy",
    "open_reading",
    "open_run",
    "open_run_or_copy",
    "pair",
    "prepare_training",
    "refuse_moved",
    "report",
    "resolve",
    "status",
    "take_training",
    "top_up",
    "train",
]
