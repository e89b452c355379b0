"""All SQL of the service: the ledger's tables and its transactions."""
