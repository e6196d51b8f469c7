"""How much may come in: of one person, and of everybody together. Reserved when an upload begins, checked again when it is complete."""
