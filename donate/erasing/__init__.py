"""Erasing one donor: who they are goes at once, what a law keeps goes on its date; what happened to money stays."""
