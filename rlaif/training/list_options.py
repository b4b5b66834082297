"""Print the options of configuration classes as JSON; `option_check` runs this file in a child process.

Arguments: dotted names of dataclasses. Output: for each class that can be imported, its options and their defaults, where
None stands for a computed default. The file imports nothing of rlaif, so it needs no search path.
"""

import dataclasses
import gc
import json
import sys
from importlib import import_module
from typing import Any


def list_options(name: str) -> dict[str, Any] | None:
    """Return the options of the class and their defaults; None if it cannot be imported."""
    module, _, owner = name.rpartition(".")
    try:
        fields = dataclasses.fields(getattr(import_module(module), owner))
    except (ImportError, AttributeError, RuntimeError):  # a library that fails to import raises any of these
        return None
    plain = (bool, int, float, str)
    return {each.name: each.default if isinstance(each.default, plain) else None for each in fields if each.init}


if __name__ == "__main__":
    gc.disable()  # it would scan all of PyTorch again and again, for a second
    found = {name: list_options(name) for name in sys.argv[1:]}
    # The last line, because libraries may print on import.
    print("\n" + json.dumps(found))
