//! How a TOML section becomes a checked part: quantities with units, key paths with line and column, families of parts.
