"""Commands that print the schema of pipeline files, and one pipeline file with its defaults."""

from rlaif.cli.app import File, Set, app
from rlaif.cli.output import print_json
from rlaif.cli.session import OPENS_NO_MODEL


@app.command()
def schema() -> None:
    """Print the JSON Schema of pipeline files, for editors."""
    from rlaif.config.json_schema import schema as described

    print_json(described())


@app.command("config")
def show_config(file: File, set: Set = []) -> None:
    """Print the complete pipeline with all defaults filled in."""
    from rlaif.config import load
    from rlaif.pipeline import config_json

    print(config_json(load(file, set, allow_code=OPENS_NO_MODEL)))
