"""The room of settlement: the provider's money meets the charity's bank statement, and both meet the ledger."""
