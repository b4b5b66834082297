"""People compare answers, blind: in the terminal, or on a sheet. Their votes are a judge's comparisons like any other's."""

from rlaif.label.ballot import Ballot, Voter, ballots
from rlaif.label.sheet import read, write
from rlaif.label.terminal import ask

__all__ = ["Ballot", "Voter", "ask", "ballots", "read", "write"]
