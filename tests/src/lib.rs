//! Scenarios across crates, in `tests/it`; benches in `benches`.
