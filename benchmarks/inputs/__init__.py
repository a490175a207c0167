"""The inputs of the benchmarks."""
