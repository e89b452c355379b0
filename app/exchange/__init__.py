"""Other people's formats: bytes to and from our types."""
