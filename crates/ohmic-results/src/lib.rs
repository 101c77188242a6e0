//! Flat results: columns with name, unit and meaning; records, tables; CSV, Parquet, JSON; the crash-safe store.
