"""Who somebody is and what a key may do."""
