"""Stands in numpy's place for a service under measurement: the peers brought it, the product is installed without."""

raise ImportError("the product is installed without numpy")
