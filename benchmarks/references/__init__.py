"""What the benchmarks compare the lake with."""
