"""The same rules by other means, to be measured beside the product: each gives the eight payers of a bill."""
