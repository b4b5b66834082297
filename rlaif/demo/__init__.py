"""The embedded default: a tiny world with an oracle, a tiny writer and a tiny judge, all offline."""

from pathlib import Path

WRITER = Path(__file__).parent / "writer"
JUDGE = Path(__file__).parent / "judge"
