//! From a sweep's folder to figures and a page.

use crate::plot::KINDS;
use crate::{Error, Figure, Points, page, png, svg};
use ohmic_results::{JOURNAL, MANIFEST, Store, Table, write_atomically};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Which files of figures are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Formats {
    /// SVG and PNG.
    #[default]
    Both,
    /// SVG alone.
    Svg,
    /// PNG alone.
    Png,
}

/// How a report is written.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Formats of the figures.
    pub formats: Formats,
    /// Where to write; none: into the sweep's folder.
    pub out: Option<PathBuf>,
    /// Names of the plots wanted; empty: all that fit.
    pub plots: Vec<String>,
}

/// What a sweep's folder holds.
pub(crate) struct Folder {
    pub(crate) table: Table,
    pub(crate) manifest: Option<serde_json::Value>,
    pub(crate) sweep: Option<String>,
    pub(crate) resolved: Vec<(String, String)>,
    /// Read from the journal: the sweep has not finished.
    pub(crate) unfinished: bool,
}

/// A figure with its SVG.
pub(crate) struct Drawn {
    pub(crate) figure: Figure,
    pub(crate) svg: String,
}

/// Reads a sweep's folder (`results.json`, or `manifest.json` and `journal.jsonl` of one that has not finished; beside
/// them `sweep.toml` and `resolved/*.toml` if there), writes `figures/*.svg`, `figures/*.png` and `report.html`, and
/// says which files it wrote, the page last.
///
/// # Errors
/// The folder holds no results, a file of it is damaged, or the report cannot be written.
pub fn report(dir: &Path, options: &Options) -> Result<Vec<PathBuf>, Error> {
    let folder = read(dir)?;
    let out = options.out.as_deref().unwrap_or(dir);
    let points = Points::of(&folder.table);
    let (mut written, mut drawn, mut skipped) = (Vec::new(), Vec::new(), Vec::new());
    for plot in
        KINDS.iter().filter(|k| options.plots.is_empty() || options.plots.iter().any(|p| p == k.name()))
    {
        if let Err(reason) = plot.fits(&points) {
            skipped.push((plot.name(), plot.summary(), reason));
            continue;
        }
        for figure in plot.figures(&points) {
            let text = svg(&figure.chart)?;
            let path = |ending: &str| out.join("figures").join(format!("{}.{ending}", figure.name));
            if options.formats != Formats::Png {
                write_atomically(&path("svg"), text.as_bytes())?;
                written.push(path("svg"));
            }
            if options.formats != Formats::Svg {
                write_atomically(&path("png"), &png(&figure.chart)?)?;
                written.push(path("png"));
            }
            drawn.push(Drawn { figure, svg: text });
        }
    }
    let html = page::page(&folder, &points, &drawn, &skipped, &name(dir))?;
    let path = out.join("report.html");
    write_atomically(&path, html.as_bytes())?;
    written.push(path);
    Ok(written)
}

/// The folder's own name, also of `.`.
fn name(dir: &Path) -> String {
    let whole = fs::canonicalize(dir).unwrap_or_else(|_| dir.to_path_buf());
    whole.file_name().map_or_else(|| dir.display().to_string(), |n| n.to_string_lossy().into_owned())
}

fn read(dir: &Path) -> Result<Folder, Error> {
    let results = dir.join("results.json");
    let there = |path: &Path| path.exists();
    let unfinished = !there(&results);
    let table = if !unfinished {
        Table::read_json(&results)?
    } else if there(&dir.join(MANIFEST)) || there(&dir.join(JOURNAL)) {
        Store::open_read_only(dir)?.table()?
    } else {
        return Err(Error::NoResults { path: dir.to_path_buf() });
    };
    let manifest = match text(&dir.join(MANIFEST))? {
        Some(t) => Some(serde_json::from_str(&t).map_err(|e| ohmic_results::Error::Malformed {
            path: dir.join(MANIFEST),
            reason: e.to_string(),
        })?),
        None => None,
    };
    let folder = dir.join("resolved");
    let mut resolved = Vec::new();
    if folder.is_dir() {
        let read = |source| Error::Read { path: folder.clone(), source };
        let mut paths: Vec<PathBuf> = Vec::new();
        for entry in fs::read_dir(&folder).map_err(read)? {
            paths.push(entry.map_err(read)?.path());
        }
        paths.sort();
        for path in paths.into_iter().filter(|p| p.extension().is_some_and(|e| e == "toml")) {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            if let Some(text) = text(&path)? {
                resolved.push((name, text));
            }
        }
    }
    Ok(Folder { table, manifest, sweep: text(&dir.join("sweep.toml"))?, resolved, unfinished })
}

/// A file's text; none if it is not there.
fn text(path: &Path) -> Result<Option<String>, Error> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::Read { path: path.to_path_buf(), source }),
    }
}
