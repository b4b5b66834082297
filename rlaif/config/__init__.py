"""The pipeline file as frozen pydantic models, which define every allowed key.

Most sections are stages (collect, generate, judge, pair, train, evaluate); `models` and `judges` define what the stages
use by name. Fields that change a result enter content keys; fields that change only speed do not.
"""

from rlaif.config.base import Section
from rlaif.config.generate import Generate, GeneratorSettings, SystemFile
from rlaif.config.judges import Cascade, Gate, Judge, JudgeSpec, Measured
from rlaif.config.loader import Config, load, short
from rlaif.config.models import (
    TAKEN,
    AnthropicModel,
    ModelConfig,
    ModelSection,
    OpenAIModel,
    Price,
    ScriptedModel,
    ServerFile,
    TransformersModel,
    VllmModel,
)
from rlaif.config.pairs import Contamination, Filters, Mix, Pair, Quotas, Truncation
from rlaif.config.pipeline import Budget, Pipeline, Run
from rlaif.config.sources import Collect, Columns, RecordedSource, Source, SourcePreferences, SourceScores
from rlaif.config.training import REFERRING, Evaluate, Recorded, Reward, Rounds, Task, Train

__all__ = [
    "REFERRING",
    "TAKEN",
    "AnthropicModel",
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
    "GeneratorSettings",
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
    "Quotas",
    "Recorded",
    "RecordedSource",
    "Reward",
    "Rounds",
    "Run",
    "ScriptedModel",
    "Section",
    "ServerFile",
    "Source",
    "SourcePreferences",
    "SourceScores",
    "SystemFile",
    "Task",
    "Train",
    "TransformersModel",
    "Truncation",
    "VllmModel",
    "load",
    "short",
]
