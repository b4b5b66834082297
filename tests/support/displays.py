"""Displays for runs whose progress nobody watches."""

from rlaif.core.progress import Quiet


class RecordedNotes(Quiet):
    """Keeps the lines that a person would see, without their indent."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, text: str) -> None:
        self.lines.append(text.strip())
