"""What every stage receives: the run context, the budget, spending, prices and metering."""
