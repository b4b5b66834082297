"""`python -m rlaif` is the `rlaif` command."""

from rlaif.core.plugins import leave_out_working_directory

leave_out_working_directory()

from rlaif.cli import main  # noqa: E402

main()
