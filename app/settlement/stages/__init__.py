"""The eight stages of settlement.md §5.1–5.8, one file each, named as in the API."""
