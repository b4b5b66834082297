"""What the pair stage needs beside SQL: strategies and their options, strengths from comparisons, filters of texts."""
