//! How a TOML section becomes a checked part: quantities with units, key paths with line and column,
//! families of parts.
//!
//! [`Document`] is a text (or several merged ones) whose keys and values know where they stand;
//! [`Section`] reads it with checks against [`KeyDoc`]s, which also document the keys;
//! [`family::Kind`] is a member of a family that a section's `kind` picks; [`Csv`] is a table
//! whose columns are documented and checked in the same way. Errors show the place in
//! the text and the way out. Knows no part.

pub mod csv;
pub mod document;
mod error;
pub mod family;
pub mod key;
pub mod overlay;
pub mod quantity;
mod section;
pub mod span;
pub mod suggest;

pub use csv::Csv;
pub use document::Document;
pub use error::{Error, Unknown};
pub use family::Kind;
pub use key::KeyDoc;
pub use quantity::{Dimension, Quantity};
pub use section::Section;
pub use span::{Place, SourceText};
