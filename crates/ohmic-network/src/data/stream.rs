//! Files, plain or gzip, read no further than they should go.

use crate::Error;
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read, Seek};
use std::path::{Path, PathBuf};

/// The environment variable that names the folder with data sets and models that are not kept here.
pub const DATA_FOLDER_KNOB: &str = "OHMIC_DATA";

/// The folder that [`DATA_FOLDER_KNOB`] names, if it is set.
pub fn data_folder() -> Option<PathBuf> {
    // declared in the list of knobs by the constant above
    #[allow(clippy::disallowed_methods)]
    std::env::var(DATA_FOLDER_KNOB).ok().filter(|v| !v.is_empty()).map(PathBuf::from)
}

/// The folder, or the error that says how to give it.
pub(crate) fn need_data_folder(what: &str) -> Result<PathBuf, Error> {
    data_folder().ok_or_else(|| {
        Error::request(format!(
            "{what} is looked for in the folder that the environment variable {DATA_FOLDER_KNOB} names, and that is \
             not set; set it, or give explicit paths"
        ))
    })
}

/// A file, unpacked while it is read if it is gzip (told by its first two bytes, not by its name).
pub(crate) struct Stream {
    path: PathBuf,
    reader: Box<dyn Read>,
    gzip: bool,
}

impl Stream {
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let io = |source| Error::Io { action: "read", path: path.to_owned(), source };
        let mut file = File::open(path).map_err(io)?;
        if file.metadata().map_err(io)?.is_dir() {
            return Err(Error::file(path, "is a folder, a file is needed"));
        }
        let mut magic = Vec::with_capacity(2);
        Read::by_ref(&mut file).take(2).read_to_end(&mut magic).map_err(io)?;
        file.rewind().map_err(io)?;
        let gzip = magic == [0x1f, 0x8b];
        let reader: Box<dyn Read> = if gzip {
            Box::new(flate2::bufread::MultiGzDecoder::new(BufReader::new(file)))
        } else {
            Box::new(BufReader::new(file))
        };
        Ok(Self { path: path.to_owned(), reader, gzip })
    }

    pub(crate) fn problem(&self, problem: impl Into<String>) -> Error {
        Error::file(&self.path, problem)
    }

    /// Up to `limit` bytes. Memory grows with what is there, not with what is asked for.
    pub(crate) fn read_up_to(&mut self, limit: u64) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        match self.reader.by_ref().take(limit).read_to_end(&mut bytes) {
            Ok(_) => Ok(bytes),
            Err(e) if self.gzip && e.kind() == ErrorKind::UnexpectedEof => {
                Err(self.problem("the gzip stream is cut off; get the file again"))
            }
            Err(e) if self.gzip => {
                Err(self.problem(format!("the gzip stream is damaged ({e}); get the file again")))
            }
            Err(source) => Err(Error::Io { action: "read", path: self.path.clone(), source }),
        }
    }

    /// Exactly `len` bytes, after which the file must end.
    pub(crate) fn read_rest(&mut self, len: u64, what: &str) -> Result<Vec<u8>, Error> {
        // one byte more, to see that the file ends here (and, for gzip, that its checksum is right)
        let bytes = self.read_up_to(len.saturating_add(1))?;
        match (bytes.len() as u64).cmp(&len) {
            std::cmp::Ordering::Equal => Ok(bytes),
            std::cmp::Ordering::Less => {
                Err(self.problem(format!("{what} need {len} bytes, the file holds {}", bytes.len())))
            }
            std::cmp::Ordering::Greater => {
                Err(self.problem(format!("goes on after the {len} bytes of {what} that it declares")))
            }
        }
    }
}
