"""Record what was sent to a Batch API in small files, so that answers can be fetched after any interruption."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rlaif.core.errors import InputError
from rlaif.core.types import key


@dataclass
class Sent:
    """A batch that was sent: its server, the vendor's id of the request file and its upload time (in seconds since 1970, by
    the vendor's clock), the requests' keys, and the vendor's id of the batch once it is known."""

    server: str
    file: str
    uploaded: int
    requests: Sequence[str]
    batch: str | None = None

    def write(self, folder: Path) -> None:
        """Write the record durably and atomically."""
        path = self._path(folder)
        new = path.with_suffix(".new")
        with new.open("w", encoding="utf-8") as file:
            json.dump(asdict(self), file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
        directory = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def remove(self, folder: Path) -> None:
        """Remove the record of a batch that the vendor refused as a whole, which will have no answers."""
        self._path(folder).unlink(missing_ok=True)

    def _path(self, folder: Path) -> Path:
        return folder / f"{key('batch', self.server, self.file)}.json"


def read(folder: Path, server: str) -> list[Sent]:
    """Return all records of a server, oldest first. Raises InputError for a file of another kind."""
    found = []
    for path in folder.glob("*.json"):
        try:
            found.append(Sent(**json.loads(path.read_text(encoding="utf-8"))))
        except (ValueError, TypeError):
            raise InputError(
                f"{path} is not the record of a batch", fix="Move it away; the requests of that batch are then sent again."
            ) from None
    return sorted((each for each in found if each.server == server), key=lambda each: (each.uploaded, each.file))
