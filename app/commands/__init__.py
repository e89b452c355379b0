"""The verbs of the command `onestop`."""
