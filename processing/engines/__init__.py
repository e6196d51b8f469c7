"""What converts. Chosen by name, see `registry`."""
