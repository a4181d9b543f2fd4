"""A payment provider in the house: speaks the Stripe HTTP API, keeps its state in its own tables, moves no money."""
