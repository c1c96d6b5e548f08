"""What `./todo bench` measures: each figure a ratio, its two sides interleaved in one run (docs/benchmarks.md)."""
