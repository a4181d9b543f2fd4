"""The public log: its tables, the one writer of leaves, what is read from it."""
