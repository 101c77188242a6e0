//! Reduce runs to a record: accuracy with interval, signal-to-noise ratios, energy, latency and area.
