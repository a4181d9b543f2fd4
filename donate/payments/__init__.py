"""ROOM the border with the payment provider: our words on this side, Stripe's on the other."""
