"""What all parts of a pipeline file have in common."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A part of the file. Inputs are hidden in errors, because a misplaced value may be a secret.

    What checks a part is made with what checks the whole file, and not once more for itself.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True, allow_inf_nan=False)
