"""Estimate the requests to judges and reward models while a model is trained on responses that it samples."""

from rlaif.context.run import Context
from rlaif.estimate.rates import Estimate
from rlaif.estimate.sample import sample
from rlaif.estimate.types import Pending
from rlaif.pipeline.plan import Plan
from rlaif.pipeline.stages.train import base_model
from rlaif.training.methods import configure


def rewards(plan: Plan, context: Context, estimate: Estimate) -> None:
    """Add a line for each judge or reward model that gives rewards, as if every sample were new."""
    config, section = context.config, context.config.pipeline.train
    judges = [plan.judge(each.judge) for each in section.rewards if each.judge] if section else []
    judges = [judge for judge in judges if judge.model is not None]
    models = [each.model for each in section.rewards if each.model] if section else []
    if section is None or not (judges or models):
        return
    writer, wanted = plan.policy, {"held_out": round(config.pipeline.collect.held_out * 10000)}
    sampling = {"max_completion_length": writer.settings.max_tokens}
    options = configure(section, base_model(config)[1], config.out, config.file, sampling)
    prompts = context.store.measure("pipeline/sql/train/prompts", "count(*)", **wanted)
    answers = round(prompts * options.num_generations * options.num_train_epochs)
    if options.max_steps > 0:
        answers = options.max_steps * options.per_device_train_batch_size * options.gradient_accumulation_steps
    length, _ = estimate.output("estimate/sql/generated", options.max_completion_length, generator=writer.key)
    rows = sample(context.store, "pipeline/sql/train/prompts", "prompt", "pipeline/sql/generate/texts", "prompt", **wanted)
    pending = Pending(answers, rows, length, min(prompts, answers))
    for model in models:
        estimate.reward(model, config.pipeline.models[model], writer, pending)
    for judge in judges:
        estimate.judge(judge, [], [pending], stage=f"train: judge {judge.name}, at most", at_most=True)
