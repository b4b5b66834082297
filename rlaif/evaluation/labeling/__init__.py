"""Collects blind votes by people, in the terminal or in a CSV file, and stores them as the comparisons of a judge."""

from rlaif.evaluation.labeling.csv import read, write
from rlaif.evaluation.labeling.task import LabelingTask, Voter, labeling_tasks
from rlaif.evaluation.labeling.terminal import collect_votes

__all__ = ["LabelingTask", "Voter", "collect_votes", "labeling_tasks", "read", "write"]
