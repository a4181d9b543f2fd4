"""What happened to money: books, accounts, entries, transfers. Nothing here is ever edited."""
