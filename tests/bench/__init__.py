"""What the benches measure."""
