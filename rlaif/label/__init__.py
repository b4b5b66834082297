"""Blind votes by people, in the terminal or on a sheet. They are stored as the comparisons of a judge."""

from rlaif.label.ballot import Ballot, Voter, ballots
from rlaif.label.sheet import read, write
from rlaif.label.terminal import ask

__all__ = ["Ballot", "Voter", "ask", "ballots", "read", "write"]
