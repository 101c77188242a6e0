//! Where a value stands: the text it came from and the bytes it takes there.

use std::ops::Range;
use std::sync::Arc;

/// A text that settings were read from, with the name it is called by in messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceText {
    /// File path, or what else the text is (`--set or sweep axis`).
    pub path: String,
    /// The whole text.
    pub text: String,
}

/// A range of bytes in a source text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    source: Arc<SourceText>,
    // 32 bits keep errors small; nobody writes 4 GB of settings
    start: u32,
    end: u32,
}

impl Place {
    /// The bytes `span` of `source`, cut to the text's length.
    pub fn new(source: Arc<SourceText>, span: Range<usize>) -> Self {
        let length = source.text.len().min(u32::MAX as usize);
        let start = floor_boundary(&source.text, span.start.min(length));
        let end = floor_boundary(&source.text, span.end.clamp(start, length));
        Self { source, start: start as u32, end: end as u32 }
    }

    /// The name of the text.
    pub fn path(&self) -> &str {
        &self.source.path
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.source.text
    }

    /// The text with its name.
    pub fn source(&self) -> Arc<SourceText> {
        self.source.clone()
    }

    /// The bytes of the text.
    pub fn span(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// What stands there.
    pub fn excerpt(&self) -> &str {
        &self.source.text[self.span()]
    }

    /// Line and column of the first character, both from 1.
    pub fn line_column(&self) -> (usize, usize) {
        let before = &self.source.text[..self.start as usize];
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }

    pub(crate) fn same_source(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.source, &other.source)
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (line, column) = self.line_column();
        write!(f, "{}:{line}:{column}", self.path())
    }
}

fn floor_boundary(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_characters_from_one() {
        let source = Arc::new(SourceText { path: "x.toml".into(), text: "a = 1\nµb = 2\n".into() });
        assert_eq!(Place::new(source.clone(), 0..1).line_column(), (1, 1));
        // `=` of the second line: bytes 6-7 are µ, 8 is b, 9 a blank
        let place = Place::new(source.clone(), 10..11);
        assert_eq!((place.line_column(), place.excerpt()), ((2, 4), "="));
        assert_eq!(place.to_string(), "x.toml:2:4");
        assert_eq!(Place::new(source, 500..600).excerpt(), "");
    }
}
