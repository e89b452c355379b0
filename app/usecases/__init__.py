"""What the product does: one function a thing."""
