"""HTTP and its words: what comes in and goes out, byte by byte."""
