"""`python -m donate.cli`: how the parent starts its parts."""

from donate.cli import main

main()
