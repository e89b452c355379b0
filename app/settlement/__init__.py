"""The calculation: a pure function from a bill, a policy pack and the year so far to a settlement."""
