"""A tiny server in memory that does what both protocols ask, and one thing wrong on demand: it shows that the suite's checks can fail."""
