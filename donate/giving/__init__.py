"""Giving: checkouts, donations and their receipts."""
