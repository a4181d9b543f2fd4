"""How the books are looked at from outside: the ledger's pages, downloads, what they prove."""
