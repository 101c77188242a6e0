//! Data files of every kind, right and wrong: each wrong one gives an error that says what and where.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // a test's helpers fail as the test does

use flate2::Compression;
use flate2::write::GzEncoder;
use ohmic_network::data::{self, DataSource, DataSpec, DataSplit, LabelColumn};
use std::io::Write;
use std::path::{Path, PathBuf};

/// An IDX file of bytes.
fn idx(dims: &[u32], bytes: &[u8]) -> Vec<u8> {
    let mut file = vec![0, 0, 8, dims.len() as u8];
    dims.iter().for_each(|d| file.extend(d.to_be_bytes()));
    file.extend(bytes);
    file
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn put(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn spec(source: DataSource) -> DataSpec {
    DataSpec { source, split: DataSplit::Test, first: 0, limit: None, classes: Some(10) }
}

/// The error of loading an image and a label file with these bytes.
fn idx_error(images: &[u8], labels: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let (images, labels) = (put(folder.path(), "images", images), put(folder.path(), "labels", labels));
    let error = data::load(&spec(DataSource::Idx { images, labels })).unwrap_err().to_string();
    error.replace(&folder.path().display().to_string(), "")
}

#[test]
fn idx_files_plain_and_packed() {
    let folder = tempfile::tempdir().unwrap();
    let images = idx(&[3, 2, 2], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 255]);
    let labels = idx(&[3], &[7, 0, 9]);
    for (i, l) in [(images.clone(), labels.clone()), (gzip(&images), gzip(&labels))] {
        let (images, labels) = (put(folder.path(), "images", &i), put(folder.path(), "labels", &l));
        let mut wanted = spec(DataSource::Idx { images, labels });
        let set = data::load(&wanted).unwrap();
        assert_eq!((set.shape.0.clone(), set.labels.clone()), (vec![1, 2, 2], vec![7, 0, 9]));
        assert_eq!(set.batch(2..3).data, [8.0, 9.0, 10.0, 255.0]);
        (wanted.first, wanted.limit) = (1, Some(1));
        assert_eq!(data::load(&wanted).unwrap().labels, [0]);
        wanted.first = 3;
        assert!(
            data::load(&wanted).unwrap_err().to_string().contains("no sample is left from sample 3 of 3")
        );
    }
}

#[test]
fn wrong_idx_files_are_explained() {
    let (images, labels) = (idx(&[2, 1, 2], &[1, 2, 3, 4]), idx(&[2], &[1, 2]));
    for (i, l, wanted) in [
        (
            &labels,
            &images,
            "/images: is no IDX file of images: expected magic 00 00 08 03, found 00 00 08 01; \
          this is a label file: are images and labels swapped?",
        ),
        (
            &b"PK\x03\x04rest".to_vec(),
            &labels,
            "/images: is no IDX file of images: expected magic 00 00 08 03, found 50 4b 03 04",
        ),
        (&vec![], &labels, "/images: is no IDX file of images: expected magic 00 00 08 03, found "),
        (&images[..7].to_vec(), &labels, "/images: ends within its header, after 7 bytes"),
        (&images[..19].to_vec(), &labels, "/images: 2 images need 4 bytes, the file holds 3"),
        (
            &[&images[..], &[0]].concat(),
            &labels,
            "/images: goes on after the 4 bytes of 2 images that it declares",
        ),
        (&images, &idx(&[3], &[1, 2, 3]), "/labels: has 3 labels for the 2 images of /images"),
        (&images, &idx(&[2], &[1, 10]), "/labels: label 10 of image 1 is not below 10 classes"),
        (&idx(&[0, 28, 28], &[]), &labels, "/images: holds no images: it declares [0, 28, 28]"),
        (&idx(&[u32::MAX; 3], &[1]), &labels, "more than 4 GiB"),
        // 1 GiB declared, 1 byte there: must not be allocated
        (
            &idx(&[1 << 10, 1 << 10, 1 << 10], &[1]),
            &labels,
            "1024 images need 1073741824 bytes, the file holds 1",
        ),
        (&gzip(&images)[..20].to_vec(), &labels, "/images: the gzip stream is cut off; get the file again"),
    ] {
        let error = idx_error(i, l);
        assert!(error.contains(wanted), "got      {error}\nexpected {wanted}");
    }
    let missing =
        spec(DataSource::Idx { images: "/nowhere/images".into(), labels: "/nowhere/labels".into() });
    let error = data::load(&missing).unwrap_err().to_string();
    assert!(error.starts_with("cannot read /nowhere/images: "), "{error}");
}

/// A packed file cut at every length, or with a byte flipped, is an error: the checksum sees to it.
#[test]
fn damaged_gzip_is_never_taken() {
    let pixels: Vec<u8> = (0..100 * 36).map(|i| (i * i / 7 % 251) as u8).collect();
    let packed = gzip(&idx(&[100, 6, 6], &pixels));
    let labels = idx(&[100], &[1; 100]);
    for part in 0..100 {
        let cut = packed.len() * part / 100;
        idx_error(&packed[..cut], &labels);
        let mut flipped = packed.clone();
        // bytes 4..10 of the header are time and system, which mean nothing here
        flipped[10 + (packed.len() - 10) * part / 100] ^= 1 << (part % 8);
        idx_error(&flipped, &labels);
    }
}

#[test]
fn cifar_records() {
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = vec![3u8];
    bytes.extend((0..3072).map(|i| (i % 256) as u8));
    bytes.push(9);
    bytes.extend([7; 3072]);
    let load = |bytes: &[u8]| {
        let files = vec![put(folder.path(), "a.bin", bytes)];
        data::load(&spec(DataSource::Cifar { files })).map_err(|e| e.to_string())
    };
    for file in [bytes.clone(), gzip(&bytes)] {
        let set = load(&file).unwrap();
        assert_eq!((set.shape.0.clone(), set.labels.clone()), (vec![3, 32, 32], vec![3, 9]));
        // red, green and blue planes of 1024: 1024 is 0 modulo 256
        assert_eq!(set.batch(0..1).data[1023..1026], [255.0, 0.0, 1.0]);
    }
    assert!(load(&bytes[..6000]).unwrap_err().contains("holds 1 and 2927 bytes more"));
    assert!(load(&[]).unwrap_err().contains("whole records of 3073 bytes"));
    bytes[3073] = 10;
    assert!(load(&bytes).unwrap_err().contains("label 10 of record 1 is not below 10 classes"));
}

#[test]
fn csv_rows() {
    let folder = tempfile::tempdir().unwrap();
    let load = |text: &str, label| {
        let file = put(folder.path(), "rows.csv", text.as_bytes());
        data::load(&spec(DataSource::Csv { file, label, shape: None })).map_err(|e| e.to_string())
    };
    let set = load("x,y,class\n1.5, -2,3\n\n4,5e-1,0\n", LabelColumn::Last).unwrap();
    assert_eq!((set.shape.0.clone(), set.labels.clone()), (vec![2], vec![3, 0]));
    assert_eq!(set.batch(0..2).data, [1.5, -2.0, 4.0, 0.5]);
    assert_eq!(load("3,1,2\n", LabelColumn::First).unwrap().labels, [3]);
    for (text, wanted) in [
        ("", "holds no row"),
        ("1,2,3\n1,2\n", "line 2: has 2 columns, expected 3 as in the first row"),
        ("1,x,3\n", "line 1: column 2: `x` is no finite number"),
        ("1,nan,3\n", "line 1: column 2: `nan` is no finite number"),
        ("1,2,10\n", "line 1: column 3: expected a class number below 10, got `10`"),
        ("1,2,-1\n", "got `-1`"),
        ("5\n", "has 1 columns, expected 2"),
    ] {
        let error = load(text, LabelColumn::Last).unwrap_err();
        assert!(error.contains(wanted), "got {error}, expected {wanted}");
    }
    let file = put(folder.path(), "rows.csv", &[0xff, 0xfe, 0x00]);
    let source = DataSource::Csv { file, label: LabelColumn::Last, shape: None };
    assert!(data::load(&spec(source)).unwrap_err().to_string().contains("is no text"));
}

#[test]
fn short_forms_and_tables() {
    let parse = |text: &str| DataSpec::parse(text).map_err(|e| e.to_string());
    assert_eq!(parse("mnist:train").unwrap().name(), "mnist:train");
    assert_eq!(parse("glyphs").unwrap().split, DataSplit::Test);
    assert!(matches!(parse("a.idx,b.idx").unwrap().source, DataSource::Idx { .. }));
    assert!(matches!(parse("data_batch_1.bin.gz").unwrap().source, DataSource::Cifar { .. }));
    assert!(matches!(parse("rows.csv").unwrap().source, DataSource::Csv { .. }));
    assert!(parse("mnits").unwrap_err().contains("did you mean `mnist`"));
    assert!(parse("mnist:tset").unwrap_err().contains("did you mean `test`"));

    let table = |text: &str| {
        let value: toml::Table = text.parse().unwrap();
        DataSpec::from_toml(&toml::Value::Table(value), Path::new("/d")).map_err(|e| e.to_string())
    };
    let spec = table("kind = 'idx'\nimages = 'i'\nlabels = '/l'\nlimit = 5").unwrap();
    assert_eq!(spec.limit, Some(5));
    assert_eq!(spec.source, DataSource::Idx { images: "/d/i".into(), labels: "/l".into() });
    for (text, wanted) in [
        ("kind = 'idx'\nimages = 'i'", "labels is missing"),
        ("kind = 'idxx'", "did you mean `idx`"),
        ("kind = 'glyphs'\nlimits = 3", "unknown key `limits`; did you mean `limit`"),
        ("kind = 'glyphs'\nlimit = -3", "limit must be a whole number"),
        ("kind = 'csv'\nfile = 'f'\nshape = [0]", "shape must be a list of whole numbers above 0"),
        ("kind = 'csv'\nfile = 'f'\nlabel = 'middle'", "label must be"),
    ] {
        let error = table(text).unwrap_err();
        assert!(error.contains(wanted), "got {error}, expected {wanted}");
    }
}

#[test]
fn glyphs_need_no_file() {
    let spec = DataSpec::parse("glyphs:calibration").unwrap().with_limit(20);
    let set = data::load(&spec).unwrap();
    assert_eq!((set.len(), set.shape.0.clone(), set.classes), (20, vec![1, 28, 28], 10));
    let part = data::load(&DataSpec { first: 15, limit: Some(5), ..spec }).unwrap();
    assert_eq!(part.batch(0..5), set.batch(15..20));
    let empty = DataSpec::parse("glyphs").unwrap().with_limit(0);
    assert!(data::load(&empty).is_err());
}
