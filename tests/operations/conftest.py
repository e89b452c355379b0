"""Operating the service: what happens around its requests, with the real processes."""
