"""Making pairs from stored scores: strategies and their options, weights, strengths from comparisons, text filters."""
