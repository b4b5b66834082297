"""A whole pipeline file as frozen models: every key that it may have, and nothing else.

Sections are stages (collect, generate, judge, pair, train, evaluate); `models` and `judges` name the things that stages
use. Fields that change a result enter content keys; those that change only speed do not.
"""

from rlaif.config.base import Section
from rlaif.config.judges import Cascade, Gate, Judge, JudgeSpec, Measured
from rlaif.config.loader import Config, load, short
from rlaif.config.models import (
    TAKEN,
    ModelConfig,
    ModelSection,
    OpenAIModel,
    Price,
    ScriptedModel,
    TransformersModel,
    VllmModel,
)
from rlaif.config.pairs import Contamination, Filters, Mix, Pair, Truncation
from rlaif.config.pipeline import Budget, Pipeline
from rlaif.config.sources import Collect, Columns, Generate, Source, SourcePreferences, SourceScores
from rlaif.config.training import REFERRING, Evaluate, Reward, Rounds, Task, Train

__all__ = [
    "REFERRING",
    "TAKEN",
    "Budget",
    "Cascade",
    "Collect",
    "Columns",
    "Config",
    "Contamination",
    "Evaluate",
    "Filters",
    "Gate",
    "Generate",
    "Judge",
    "JudgeSpec",
    "Measured",
    "Mix",
    "ModelConfig",
    "ModelSection",
    "OpenAIModel",
    "Pair",
    "Pipeline",
    "Price",
    "Reward",
    "Rounds",
    "ScriptedModel",
    "Section",
    "Source",
    "SourcePreferences",
    "SourceScores",
    "Task",
    "Train",
    "TransformersModel",
    "Truncation",
    "VllmModel",
    "load",
    "short",
]
