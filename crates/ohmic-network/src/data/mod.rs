//! Data sets.

pub mod glyphs;
