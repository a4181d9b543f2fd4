"""The staff's door to money that goes back: the views of the host's door, for the payments of all hosts."""

from donate.giving.refund_organiser import VIEWS

ROUTES = [(f"/staff{rule}", view, methods) for rule, view, methods in VIEWS]
