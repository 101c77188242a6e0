//! Families of parts: a section's `kind` picks the member that reads the rest of it.

use crate::document::Document;
use crate::error::Error;
use crate::key::KeyDoc;
use crate::section::Section;
use crate::span::SourceText;
use crate::suggest::nearest;

/// The key that picks the member of a family.
pub const KIND_KEY: &KeyDoc = &KeyDoc::text("kind", "name of the model; `ohmic list` shows the names");

/// One member of a family; one constant a file.
pub struct Kind<T: ?Sized> {
    /// The value of `kind`, and the name of the file.
    pub name: &'static str,
    /// What it is, in one line.
    pub summary: &'static str,
    /// The smallest section that builds it, without `kind`.
    pub example: &'static str,
    /// The same with its randomness off, if it has any.
    pub quiet: Option<&'static str>,
    /// The keys it reads.
    pub keys: &'static [KeyDoc],
    /// Makes it from its section, whose keys are among [`Kind::keys`] when this is called.
    pub build: fn(&Section<'_>) -> Result<Box<T>, Error>,
}

impl<T: ?Sized> Kind<T> {
    /// Builds a member from the text of a section without header and `kind`, as in [`Kind::example`].
    ///
    /// # Errors
    /// As from a file.
    pub fn build_text(&self, text: &str) -> Result<Box<T>, Error> {
        let source = SourceText { path: format!("{} example", self.name), text: text.to_owned() };
        let document = Document::parse(source)?;
        (self.build)(&Section::unchecked(self.name, &document.root)?.narrowed(self.keys)?)
    }
}

impl<T: ?Sized> std::fmt::Debug for Kind<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kind").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The member that the `kind` of a section names, and the section with the keys of that member.
///
/// # Errors
/// No such member, or a key that it does not have.
pub fn find<'a, 'k, T: ?Sized>(
    section: &Section<'a>,
    kinds: &'k [Kind<T>],
) -> Result<(&'k Kind<T>, Section<'a>), Error> {
    if !section.has(KIND_KEY) {
        let names: Vec<_> = kinds.iter().map(|k| k.name).collect();
        return Err(Error::MissingKey {
            place: section.place().clone(),
            path: section.path_of("kind"),
            meaning: format!("one of {}", names.join(", ")),
            example: format!("kind = \"{}\"", names.first().unwrap_or(&"")),
        });
    }
    let name = section.text(KIND_KEY)?;
    let kind = kinds.iter().find(|k| k.name == name).ok_or_else(|| Error::UnknownName {
        place: section.place_of("kind").clone(),
        path: section.path_of("kind"),
        nearest: nearest(&name, kinds.iter().map(|k| k.name)).map(str::to_owned),
        known: kinds.iter().map(|k| k.name.to_owned()).collect(),
        value: name,
    })?;
    Ok((kind, section.narrowed(kind.keys)?))
}

/// The part that a section describes.
///
/// # Errors
/// The section is missing, or anything in it is wrong.
pub fn build<T: ?Sized>(parent: &Section<'_>, key: &KeyDoc, kinds: &[Kind<T>]) -> Result<Box<T>, Error> {
    let node = parent.section_node(key).map_err(|e| match (e, kinds.first()) {
        (Error::MissingSection { place, path, help }, Some(kind)) => {
            let lines = std::iter::once(format!("kind = \"{}\"", kind.name))
                .chain(kind.example.lines().map(str::to_owned));
            let help = format!("{help}; for example with {}", lines.collect::<Vec<_>>().join(", "));
            Error::MissingSection { place, path, help }
        }
        (e, _) => e,
    })?;
    let (kind, section) = find(&Section::unchecked(&parent.path_of(key.key), node)?, kinds)?;
    (kind.build)(&section)
}
