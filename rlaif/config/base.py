"""The base class of all sections of a pipeline file."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A section of the file. Validation errors hide the input, because a misplaced value may be a secret.

    Validators are built together with the validator of the whole file (`defer_build`), so importing stays fast.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True, allow_inf_nan=False)
