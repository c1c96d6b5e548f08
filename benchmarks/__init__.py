"""What `./todo bench` measures: ratios, both sides interleaved in one run (docs/benchmarks.md)."""
