"""What a pipeline asks of a model, so that a missing ability is told as loudly as it matters."""

from dataclasses import dataclass

from rlaif.config import Config


@dataclass(frozen=True, slots=True)
class Needs:
    """How many samples at once, whether log-probabilities, whether replies in a given form."""

    samples: int
    logprobs: bool
    schema: bool


def needs(config: Config, name: str) -> Needs:
    """What the stages want of the model called `name`."""
    pipeline = config.pipeline
    writes = pipeline.generate if pipeline.generate and pipeline.generate.model == name else None
    judges = [judge for judge in pipeline.judges.values() if judge.model == name]
    logprobs = bool(writes and writes.logprobs) or any(judge.logprobs for judge in judges)
    return Needs(writes.samples if writes else 1, logprobs, bool(judges))
