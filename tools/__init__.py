"""Programs for the people who work on onestop; the wheel does not carry them."""
