"""The stages: collect, generate, judge, pair, train, evaluate, and the audit."""
