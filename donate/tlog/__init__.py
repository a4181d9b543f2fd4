"""The public log's formats, pure: no database, no web, nothing that a verifier could not carry along."""
