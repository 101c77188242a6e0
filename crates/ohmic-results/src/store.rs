//! The crash-safe store: what a sweep has finished stays finished.
//!
//! A folder with `manifest.json` (whose results these are) and `journal.jsonl`, one line per finished point:
//! `{"check":"<hex>","key":"...","record":{...}}`, where `check` is the BLAKE3 hash of the line's text behind its
//! comma. A line is flushed to the disk before [`Store::append`] returns, so a crash can tear the last line only; it
//! is dropped when the store is opened again. A broken line anywhere else is damage and an error.

use crate::write::{sync_folder, write_atomically, write_durably};
use crate::{Column, Error, Record, Table};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Name of the journal in a store's folder.
pub const JOURNAL: &str = "journal.jsonl";
/// Name of the manifest in a store's folder.
pub const MANIFEST: &str = "manifest.json";
const LOCK: &str = ".lock";

/// Whose results a store holds, and where they were computed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// What determines the results (version, seed, hashes of sweep, network, data and hardware, kernel): a store is
    /// only continued if all of it is equal.
    pub identity: BTreeMap<String, String>,
    /// Where they were computed (machine, threads, knobs): kept from the first run, may differ when continued.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// The columns of the records.
    #[serde(default)]
    pub columns: Vec<Column>,
}

impl Manifest {
    /// Reads `manifest.json` of a folder.
    ///
    /// # Errors
    /// The file is not there, or is no manifest.
    pub fn read(dir: &Path) -> Result<Self, Error> {
        let path = dir.join(MANIFEST);
        let text = fs::read(&path).map_err(Error::io("read", &path))?;
        serde_json::from_slice(&text).map_err(|e| Error::Malformed { path, reason: e.to_string() })
    }

    fn differences(&self, asked: &Manifest) -> Vec<(String, Option<String>, Option<String>)> {
        let mut keys: Vec<&String> = self.identity.keys().chain(asked.identity.keys()).collect();
        keys.sort();
        keys.dedup();
        let pairs =
            keys.into_iter().map(|k| (k, self.identity.get(k).cloned(), asked.identity.get(k).cloned()));
        let mut all: Vec<_> = pairs.filter(|(_, a, b)| a != b).map(|(k, a, b)| (k.clone(), a, b)).collect();
        if self.columns != asked.columns {
            let names = |m: &Manifest| m.columns.iter().map(Column::header).collect::<Vec<_>>().join(", ");
            all.push(("columns".to_owned(), Some(names(self)), Some(names(asked))));
        }
        all
    }
}

/// A crash-safe, append-only collection of records by key, in a folder; shared between threads by reference.
#[derive(Debug)]
pub struct Store {
    journal: PathBuf,
    manifest: Manifest,
    dropped_bytes: u64,
    inner: Mutex<Inner>,
    /// Held as long as the store is open; the system lets it go when the process ends, however it ends.
    _lock: Option<File>,
}

#[derive(Debug)]
struct Inner {
    records: BTreeMap<String, Record>,
    writer: Writer,
}

#[derive(Debug)]
enum Writer {
    /// The file and the length up to which its lines are whole.
    Open(File, u64),
    Failed,
    ReadOnly,
}

impl Store {
    /// Opens a folder's store for writing and makes it if it is not there; a last line that a crash tore is dropped.
    ///
    /// # Errors
    /// The folder belongs to another sweep, is being written by another process, cannot be written, or holds a
    /// journal that is damaged before its last line.
    pub fn open(dir: &Path, manifest: &Manifest) -> Result<Self, Error> {
        fs::create_dir_all(dir).map_err(Error::io("create the folder", dir))?;
        let lock_path = dir.join(LOCK);
        let options = File::options().create(true).truncate(false).write(true).clone();
        let lock = options.open(&lock_path).map_err(Error::io("write to the folder", dir))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::Locked { path: lock_path }),
            Err(TryLockError::Error(e)) => return Err(Error::io("lock", &lock_path)(e)),
        }
        let (journal, manifest_path) = (dir.join(JOURNAL), dir.join(MANIFEST));
        let manifest = if manifest_path.exists() {
            let there = Manifest::read(dir)?;
            let differences = there.differences(manifest);
            if !differences.is_empty() {
                return Err(Error::OtherSweep { path: manifest_path, differences });
            }
            there
        } else {
            if fs::metadata(&journal).is_ok_and(|m| m.len() > 0) {
                return Err(Error::NoManifest { path: manifest_path });
            }
            let mut text = serde_json::to_vec_pretty(manifest)
                .map_err(|e| Error::Malformed { path: manifest_path.clone(), reason: e.to_string() })?;
            text.push(b'\n');
            write_atomically(&manifest_path, &text)?;
            manifest.clone()
        };
        let options = File::options().create(true).truncate(false).read(true).write(true).clone();
        let mut file = options.open(&journal).map_err(Error::io("write", &journal))?;
        sync_folder(dir)?;
        let bytes = fs::read(&journal).map_err(Error::io("read", &journal))?;
        let (records, whole) = parse(&journal, &bytes)?;
        let dropped_bytes = bytes.len() as u64 - whole;
        if dropped_bytes > 0 {
            file.set_len(whole).and_then(|()| file.sync_all()).map_err(Error::io("truncate", &journal))?;
        }
        file.seek(SeekFrom::Start(whole)).map_err(Error::io("write", &journal))?;
        let inner = Mutex::new(Inner { records, writer: Writer::Open(file, whole) });
        Ok(Self { journal, manifest, dropped_bytes, inner, _lock: Some(lock) })
    }

    /// Opens a folder's store for reading, also while another process writes to it; changes nothing.
    ///
    /// # Errors
    /// There is no manifest, or the journal is damaged before its last line.
    pub fn open_read_only(dir: &Path) -> Result<Self, Error> {
        let manifest = Manifest::read(dir)?;
        let journal = dir.join(JOURNAL);
        let bytes = match fs::read(&journal) {
            Err(e) if e.kind() == ErrorKind::NotFound => Vec::new(),
            read => read.map_err(Error::io("read", &journal))?,
        };
        let (records, whole) = parse(&journal, &bytes)?;
        let dropped_bytes = bytes.len() as u64 - whole;
        let inner = Mutex::new(Inner { records, writer: Writer::ReadOnly });
        Ok(Self { journal, manifest, dropped_bytes, inner, _lock: None })
    }

    /// The manifest that the folder holds.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Bytes of a torn last line that opening left out; 0 after a clean end.
    pub fn dropped_bytes(&self) -> u64 {
        self.dropped_bytes
    }

    /// Number of records.
    pub fn len(&self) -> usize {
        self.inner().records.len()
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the point of that key is finished.
    pub fn contains(&self, key: &str) -> bool {
        self.inner().records.contains_key(key)
    }

    /// Adds a finished point; it is on the disk when this returns. The same record again is nothing new.
    ///
    /// # Errors
    /// The disk is full or the folder not writable (the journal is then as before); the key is there with another
    /// record; the store is read-only or an earlier write failed.
    pub fn append(&self, key: &str, record: &Record) -> Result<(), Error> {
        self.append_all(&[(key, record)])
    }

    /// Adds finished points; all of them are on the disk when this returns, with one wait for it.
    ///
    /// # Errors
    /// As [`Store::append`]; none of them is then added.
    pub fn append_all(&self, points: &[(&str, &Record)]) -> Result<(), Error> {
        let mut inner = self.inner();
        let mut lines = String::new();
        let mut fresh: Vec<(&str, &Record)> = Vec::with_capacity(points.len());
        for &(key, record) in points {
            let among = fresh.iter().find(|(k, _)| *k == key).map(|(_, record)| *record);
            if let Some(there) = inner.records.get(key).or(among) {
                if there == record {
                    continue;
                }
                return Err(Error::DuplicateKey { path: self.journal.clone(), key: key.to_owned() });
            }
            let line = line(key, record)
                .map_err(|reason| Error::Malformed { path: self.journal.clone(), reason })?;
            lines.push_str(&line);
            fresh.push((key, record));
        }
        if fresh.is_empty() {
            return Ok(());
        }
        match &mut inner.writer {
            Writer::ReadOnly => return Err(Error::ReadOnly { path: self.journal.clone() }),
            Writer::Failed => return Err(Error::Poisoned { path: self.journal.clone() }),
            Writer::Open(file, whole) => {
                if let Err(e) = write_durably(file, &self.journal, lines.as_bytes()) {
                    // Take the half-written lines back. After a failed flush nobody knows what is on the disk, so
                    // the store stays shut unless the cut itself is known to be there.
                    let cut = file.set_len(*whole).and_then(|()| file.seek(SeekFrom::Start(*whole)));
                    if cut.and_then(|_| file.sync_all()).is_err() {
                        inner.writer = Writer::Failed;
                    }
                    return Err(e);
                }
                *whole += lines.len() as u64;
            }
        }
        for (key, record) in fresh {
            inner.records.insert(key.to_owned(), record.clone());
        }
        Ok(())
    }

    /// The records of these keys, in this order whatever order they were appended in; keys not there are left out.
    pub fn records<'a>(&self, order: impl IntoIterator<Item = &'a str>) -> Vec<Record> {
        let inner = self.inner();
        order.into_iter().filter_map(|key| inner.records.get(key).cloned()).collect()
    }

    /// All keys, sorted as text.
    pub fn keys(&self) -> Vec<String> {
        self.inner().records.keys().cloned().collect()
    }

    /// All records as a table under the manifest's columns, ordered by `point` and `trial`, then by key.
    ///
    /// # Errors
    /// As [`Table::from_records`].
    pub fn table(&self) -> Result<Table, Error> {
        let inner = self.inner();
        let number = |r: &Record, name| r.get(name).and_then(crate::Value::number).unwrap_or(f64::INFINITY);
        let mut all: Vec<&Record> = inner.records.values().collect();
        all.sort_by(|a, b| {
            let by = |name| number(a, name).total_cmp(&number(b, name));
            by("point").then(by("trial"))
        });
        Table::from_records(self.manifest.columns.clone(), all)
    }

    /// A thread that panicked while it held the lock left whole records behind: the map changes last.
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    check: String,
    key: String,
    record: Record,
}

fn line(key: &str, record: &Record) -> Result<String, String> {
    let key = serde_json::to_string(key).map_err(|e| e.to_string())?;
    let record = serde_json::to_string(record).map_err(|e| e.to_string())?;
    let rest = format!("\"key\":{key},\"record\":{record}}}");
    Ok(format!("{{\"check\":\"{}\",{rest}\n", check(rest.as_bytes())))
}

/// 128 bits of BLAKE3 in hex.
fn check(rest: &[u8]) -> String {
    blake3::hash(rest).to_hex()[..32].to_owned()
}

/// Records of a journal and the length of its whole lines; the last line may be torn, no other.
fn parse(path: &Path, bytes: &[u8]) -> Result<(BTreeMap<String, Record>, u64), Error> {
    let mut records = BTreeMap::new();
    let mut whole = 0;
    for (number, line) in bytes.split_inclusive(|b| *b == b'\n').enumerate() {
        let entry = match parse_line(line) {
            Ok(entry) => entry,
            Err(_) if whole + line.len() == bytes.len() && !holds_two_lines(line) => break,
            Err(reason) => {
                return Err(Error::CorruptLine { path: path.to_path_buf(), line: number + 1, reason });
            }
        };
        whole += line.len();
        match records.get(&entry.key) {
            Some(there) if *there != entry.record => {
                let reason = format!("the key `{}` is there a second time with another record", entry.key);
                return Err(Error::CorruptLine { path: path.to_path_buf(), line: number + 1, reason });
            }
            Some(_) => {}
            None => {
                records.insert(entry.key, entry.record);
            }
        }
    }
    Ok((records, whole as u64))
}

/// Whether a line has swallowed its neighbour, that is, lost the end of line between: no trace of a crash, which only
/// cuts. Inside a key or record the quotes of such a text would be escaped.
fn holds_two_lines(line: &[u8]) -> bool {
    let start = b"{\"check\":\"";
    line.iter().skip(1).enumerate().any(|(i, _)| line[i + 1..].starts_with(start))
}

fn parse_line(line: &[u8]) -> Result<Entry, String> {
    let Some(body) = line.strip_suffix(b"\n") else {
        return Err("the line has no end".to_owned());
    };
    let rest =
        body.strip_prefix(b"{\"check\":\"").and_then(|b| b.get(32..)).and_then(|b| b.strip_prefix(b"\","));
    let Some(rest) = rest else {
        return Err("the line does not begin with its checksum".to_owned());
    };
    let entry: Entry = serde_json::from_slice(body).map_err(|e| e.to_string())?;
    if entry.check != check(rest) {
        return Err("the line does not match its checksum".to_owned());
    }
    Ok(entry)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Value;

    fn manifest() -> Manifest {
        let identity =
            [("version", "0.1.0"), ("seed", "7")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        let columns =
            vec![Column::new("point", "", ""), Column::new("trial", "", ""), Column::new("x", "J", "")];
        Manifest { identity, environment: BTreeMap::new(), columns }
    }

    fn record(point: i64) -> Record {
        let mut r: Record = [("point", point), ("trial", 0)].into_iter().collect();
        r.set("x", if point == 2 { f64::INFINITY } else { 0.1 * point as f64 });
        r
    }

    fn filled(dir: &Path) -> Vec<u8> {
        let store = Store::open(dir, &manifest()).unwrap();
        (0..4).for_each(|i| store.append(&format!("p{i}"), &record(i)).unwrap());
        fs::read(dir.join(JOURNAL)).unwrap()
    }

    #[test]
    fn cut_at_every_byte_it_reopens_with_the_whole_lines_and_ends_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let full = filled(dir.path());
        for cut in 0..=full.len() {
            fs::write(dir.path().join(JOURNAL), &full[..cut]).unwrap();
            let lines = full[..cut].iter().filter(|b| **b == b'\n').count();
            let store = Store::open(dir.path(), &manifest()).unwrap();
            assert_eq!(store.len(), lines, "cut at {cut}");
            for i in 0..4 {
                assert_eq!(store.contains(&format!("p{i}")), i < lines as i64);
                store.append(&format!("p{i}"), &record(i)).unwrap();
            }
            drop(store);
            assert_eq!(fs::read(dir.path().join(JOURNAL)).unwrap(), full, "cut at {cut}");
        }
    }

    #[test]
    fn every_flipped_byte_is_noticed_and_only_the_last_line_is_forgiven() {
        let dir = tempfile::tempdir().unwrap();
        let full = filled(dir.path());
        let last = full[..full.len() - 1].iter().rposition(|b| *b == b'\n').unwrap() + 1;
        for at in 0..full.len() {
            let mut bytes = full.clone();
            bytes[at] ^= 0x20;
            match parse(Path::new("journal.jsonl"), &bytes) {
                Ok((records, whole)) => {
                    assert!(at >= last, "a change at {at} went unnoticed");
                    assert_eq!((records.len(), whole), (3, last as u64));
                }
                Err(e) => {
                    let line = full[..at].iter().filter(|b| **b == b'\n').count() + 1;
                    assert!(at < last, "{e}");
                    assert!(e.to_string().starts_with(&format!("journal.jsonl:{line}: ")), "{e}");
                }
            }
        }
    }

    #[test]
    fn zeros_behind_the_last_line_are_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let mut bytes = filled(dir.path());
        bytes.extend([0; 300]); // what some file systems leave after a power cut
        fs::write(dir.path().join(JOURNAL), &bytes).unwrap();
        let store = Store::open(dir.path(), &manifest()).unwrap();
        assert_eq!((store.len(), store.dropped_bytes()), (4, 300));
    }

    #[test]
    fn order_of_appending_does_not_matter() {
        let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (a, b) =
            (Store::open(a.path(), &manifest()).unwrap(), Store::open(b.path(), &manifest()).unwrap());
        for i in 0..12 {
            a.append(&format!("p{i}"), &record(i)).unwrap();
            b.append(&format!("p{}", 11 - i), &record(11 - i)).unwrap();
        }
        let order: Vec<String> = (0..12).map(|i| format!("p{i}")).collect();
        let order = || order.iter().map(String::as_str);
        assert_eq!(a.records(order()), b.records(order()));
        assert_eq!(a.table().unwrap().csv().unwrap(), b.table().unwrap().csv().unwrap());
        // p10 comes before p2 as a text, behind it as a point
        let points: Vec<_> = a.table().unwrap().rows.iter().map(|r| r[0].number().unwrap() as i64).collect();
        assert_eq!(points, (0..12).collect::<Vec<_>>());
    }

    #[test]
    fn many_threads_lose_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), &manifest()).unwrap();
        std::thread::scope(|s| {
            for t in 0..4 {
                let store = &store;
                s.spawn(move || (0..8).for_each(|i| store.append(&format!("{t}/{i}"), &record(i)).unwrap()));
            }
        });
        drop(store);
        assert_eq!(Store::open_read_only(dir.path()).unwrap().len(), 32);
    }

    #[test]
    fn duplicate_keys() {
        let dir = tempfile::tempdir().unwrap();
        let before = filled(dir.path());
        let store = Store::open(dir.path(), &manifest()).unwrap();
        store.append("p1", &record(1)).unwrap();
        assert!(store.append("p1", &record(3)).unwrap_err().to_string().contains("`p1` is already there"));
        drop(store);
        assert_eq!(fs::read(dir.path().join(JOURNAL)).unwrap(), before);
        let twice = [line("p1", &record(1)).unwrap(), line("p1", &record(3)).unwrap()].concat();
        let message = parse(Path::new("j"), twice.as_bytes()).unwrap_err().to_string();
        assert!(message.starts_with("j:2: the key `p1`"), "{message}");
    }

    #[test]
    fn another_sweep_is_refused_with_what_differs() {
        let dir = tempfile::tempdir().unwrap();
        filled(dir.path());
        let mut other = manifest();
        other.identity.insert("seed".into(), "8".into());
        other.identity.insert("kernel".into(), "avx2".into());
        other.environment.insert("machine".into(), "another is fine".into());
        let message = Store::open(dir.path(), &other).unwrap_err().to_string();
        assert!(message.contains("seed: `7` there, `8` asked for"), "{message}");
        assert!(message.contains("kernel: nothing there, `avx2` asked for"), "{message}");
        assert!(!message.contains("version") && !message.contains("machine"), "{message}");
        fs::remove_file(dir.path().join(MANIFEST)).unwrap();
        assert!(matches!(Store::open(dir.path(), &other), Err(Error::NoManifest { .. })));
    }

    #[test]
    fn two_writers_are_refused_and_a_reader_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let first = Store::open(dir.path(), &manifest()).unwrap();
        first.append("p0", &record(0)).unwrap();
        assert!(matches!(Store::open(dir.path(), &manifest()), Err(Error::Locked { .. })));
        let reader = Store::open_read_only(dir.path()).unwrap();
        assert!(reader.contains("p0"));
        assert!(matches!(reader.append("p1", &record(1)), Err(Error::ReadOnly { .. })));
        drop(first);
        Store::open(dir.path(), &manifest()).unwrap();
    }

    #[test]
    fn reading_a_torn_store_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let full = filled(dir.path());
        fs::write(dir.path().join(JOURNAL), &full[..full.len() - 5]).unwrap();
        let reader = Store::open_read_only(dir.path()).unwrap();
        assert_eq!(reader.records(["p3", "p0"]), [record(0)]);
        assert_eq!(fs::read(dir.path().join(JOURNAL)).unwrap().len(), full.len() - 5);
        let empty = tempfile::tempdir().unwrap();
        let message = Store::open_read_only(empty.path()).unwrap_err().to_string();
        assert!(message.contains("manifest.json: cannot read: it does not exist"), "{message}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error_and_never_a_finished_point() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), &manifest()).unwrap();
        store.append("p0", &record(0)).unwrap();
        // every write to /dev/full answers ENOSPC, and it cannot be cut either: the store shuts
        let full = File::options().write(true).open("/dev/full").unwrap();
        store.inner().writer = Writer::Open(full, 0);
        assert!(store.append("p1", &record(1)).unwrap_err().to_string().contains("the disk is full"));
        assert!(!store.contains("p1"));
        assert!(matches!(store.append("p1", &record(1)), Err(Error::Poisoned { .. })));
        drop(store);
        assert_eq!(Store::open(dir.path(), &manifest()).unwrap().keys(), ["p0"]);
    }

    #[test]
    fn the_table_has_the_manifests_columns() {
        let dir = tempfile::tempdir().unwrap();
        filled(dir.path());
        let table = Store::open_read_only(dir.path()).unwrap().table().unwrap();
        assert_eq!(table.columns[2].header(), "x [J]");
        assert!(matches!(table.rows[2][2], Value::Float(x) if x.is_infinite()));
    }
}
