"""The review desk's door to large donations: the same views as at the organiser's desk, for the host's reviewers."""

from donate.giving.large_organiser import large, large_one

ROUTES = [
    ("/review/large", large, ["GET"]),
    ("/review/large/<uuid:public_id>", large_one, ["GET", "POST"]),
]
