"""The one door to TRL: nothing calls home, and nothing is told twice."""

from typing import Any

from rlaif.errors import InputError


def trl_class(name: str) -> Any:
    """A class of TRL by name (`experimental.MODULE.NAME` for one of those), its calls home turned off before they start."""
    import os
    from importlib import import_module
    from importlib.util import find_spec

    if find_spec("trl") is None:
        raise InputError("training needs TRL, which is not installed", fix="Install it: pip install 'rlaif[train]'")
    # Read when huggingface_hub is imported, which something else may have done already.
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    import huggingface_hub.constants

    huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY = True
    module, _, plain = name.rpartition(".")
    if module:
        # Its notice that the module may change is for those who chose it; which of them are used is in README.
        os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"
    return getattr(import_module(f"trl.{module}".rstrip(".")), plain)
