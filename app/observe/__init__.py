"""What operations people see: metrics and logs, with fixed labels and fields and nothing personal."""
