"""onestop: one answer at the hospital window says who pays what, to the fen, and why."""
