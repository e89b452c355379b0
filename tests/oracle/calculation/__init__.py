"""The settlement of a bill, transcribed from the contract as literally as possible: slow, exact, and on its own.

Nothing of the product is imported here: the worth of this package is that the same mistake is not made twice.
"""
