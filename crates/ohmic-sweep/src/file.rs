//! The sweep file: read, checked, and listed as points.

use crate::axis::WrittenAxis;
use crate::key::Swept;
use crate::{Axis, Error, Fidelity, Point, RUN_KEYS};
use ohmic_config::suggest::nearest;
use serde::Deserialize;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::{Spanned, Table, Value};

/// What a sweep asks, checked: every key known, no axis empty or named twice.
#[derive(Clone, Debug, PartialEq)]
pub struct SweepFile {
    question: String,
    seed: u64,
    run: RunSettings,
    hardware: Vec<String>,
    fixed: Vec<(String, Value)>,
    axes: Vec<Axis>,
    text: String,
    settings: Vec<(String, Value)>,
    folder: PathBuf,
    /// What the file is called in messages, and in which of its lines each key is set.
    name: String,
    lines: Vec<(String, usize)>,
}

/// What every point shares unless an axis moves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunSettings {
    /// Name or path of the network.
    pub network: String,
    /// Name or path of the data set.
    pub data: String,
    /// Number of test images.
    pub images: usize,
    /// Number of chip instances at each point.
    pub trials: u32,
    /// How points are evaluated.
    pub fidelity: Fidelity,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    seed: Spanned<i64>,
    run: Spanned<WrittenRun>,
    #[serde(default)]
    set: Option<Spanned<Table>>,
    #[serde(default)]
    axis: Vec<Spanned<WrittenAxis>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRun {
    network: String,
    data: String,
    images: Spanned<i64>,
    trials: Spanned<i64>,
    fidelity: Option<Spanned<String>>,
    hardware: Option<Spanned<Vec<Spanned<String>>>>,
}

/// A text and the name it is called by in messages.
pub(crate) struct Source<'a> {
    path: &'a str,
    text: &'a str,
}

impl Source<'_> {
    /// An error that points at the bytes `span`.
    pub(crate) fn wrong(&self, span: Range<usize>, problem: &str, help: &str) -> Error {
        let mut start = span.start.min(self.text.len());
        while !self.text.is_char_boundary(start) {
            start -= 1;
        }
        let before = &self.text[..start];
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        Error::Written {
            path: self.path.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            excerpt: self.text[line_start..].lines().next().unwrap_or("").to_owned(),
            problem: problem.to_owned(),
            help: help.to_owned(),
        }
    }

    fn refused(&self, error: &toml::de::Error) -> Error {
        let message = error.message().trim().to_owned();
        let names: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
        let help = match names.split_first() {
            Some((name, known)) if message.starts_with("unknown field") => {
                nearest(name, known.iter().copied()).map(|known| format!("did you mean `{known}`?"))
            }
            _ if message.starts_with("missing field `seed`") => Some(
                "add `seed = 1` above the first [section]: every result can then be had again".to_owned(),
            ),
            _ => None,
        };
        let lines: Vec<&str> = message.lines().collect();
        self.wrong(error.span().unwrap_or(0..0), &lines.join(", "), &help.unwrap_or_default())
    }
}

impl SweepFile {
    /// Reads and checks a sweep file.
    ///
    /// # Errors
    /// What is wrong, with line and column.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text =
            std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
        let mut file = Self::parse(&path.display().to_string(), &text)?;
        file.folder = path.parent().unwrap_or(Path::new("")).to_owned();
        Ok(file)
    }

    /// Checks the text of a sweep file; `name` is what it is called in messages.
    ///
    /// # Errors
    /// What is wrong, with line and column.
    pub fn parse(name: &str, text: &str) -> Result<Self, Error> {
        let source = Source { path: name, text };
        let question = question(text).ok_or_else(|| {
            source.wrong(
                0..0,
                "a sweep begins with its question",
                "make the first line a comment: `# How many ADC bits does LeNet-5 need?`",
            )
        })?;
        let written: Written = toml::from_str(text).map_err(|error| source.refused(&error))?;
        let seed = u64::try_from(*written.seed.get_ref())
            .map_err(|_| source.wrong(written.seed.span(), "the seed is 0 or more", ""))?;
        let run_span = written.run.span();
        let run = written.run.into_inner();
        let count = |value: &Spanned<i64>, what: &str| {
            u32::try_from(*value.get_ref()).ok().filter(|n| *n > 0).ok_or_else(|| {
                source.wrong(
                    value.span(),
                    &format!("{} {what}", value.get_ref()),
                    "a whole number, 1 or more",
                )
            })
        };
        let settings = RunSettings {
            network: run.network,
            data: run.data,
            images: count(&run.images, "images")? as usize,
            trials: count(&run.trials, "trials")?,
            fidelity: match &run.fidelity {
                None => Fidelity::default(),
                Some(name) => fidelity(name.get_ref())
                    .map_err(|(problem, help)| source.wrong(name.span(), &problem, &help))?,
            },
        };

        let line = |at: usize| text.bytes().take(at).filter(|b| *b == b'\n').count() + 1;
        let mut lines: Vec<(String, usize)> = Vec::new();
        let mut taken: Vec<String> = Vec::new();
        let hardware = match run.hardware {
            Some(list) => {
                if list.get_ref().is_empty() {
                    return Err(source.wrong(
                        list.span(),
                        "the list of hardware is empty",
                        "name a preset (`ohmic list preset`) or the path of a hardware file",
                    ));
                }
                taken.push("run.hardware".to_owned());
                let mut names: Vec<String> = Vec::new();
                for name in list.into_inner() {
                    if names.contains(name.get_ref()) {
                        return Err(source.wrong(
                            name.span(),
                            &format!("`{}` is listed twice", name.get_ref()),
                            "each hardware once",
                        ));
                    }
                    names.push(name.into_inner());
                }
                names
            }
            None => Vec::new(),
        };
        let fixed = match written.set {
            Some(table) => {
                let span = table.span();
                let mut fixed = Vec::new();
                flatten("", table.into_inner(), &mut fixed);
                for (key, _) in &fixed {
                    check_key(key).map_err(|(problem, help)| source.wrong(span.clone(), &problem, &help))?;
                    if key == "seed" || key.starts_with("run.") {
                        return Err(source.wrong(
                            span.clone(),
                            &format!("`{key}` is not a hardware key"),
                            "write it at its own place, above or under [run]",
                        ));
                    }
                    taken.push(key.clone());
                    lines.push((key.clone(), line(span.start)));
                }
                fixed
            }
            None => Vec::new(),
        };
        let mut axes = Vec::new();
        for axis in written.axis {
            let span = axis.span();
            let (axis, places) = axis.into_inner().check(span, &source)?;
            for (column, key) in places.iter().enumerate() {
                let name = key.get_ref();
                check_key(name).map_err(|(problem, help)| source.wrong(key.span(), &problem, &help))?;
                if taken.contains(name) {
                    return Err(source.wrong(
                        key.span(),
                        &format!("`{name}` is set twice"),
                        "a key has one axis, and is then named neither in [set] nor in [run]",
                    ));
                }
                taken.push(name.clone());
                lines.push((name.clone(), line(key.span().start)));
                for row in &axis.rows {
                    check_run_value(name, &row[column])
                        .map_err(|(problem, help)| source.wrong(key.span(), &problem, &help))?;
                }
            }
            axes.push(axis);
        }
        if !taken.iter().any(|key| key == "run.hardware") {
            return Err(source.wrong(
                run_span,
                "no hardware is named",
                "add `hardware = [\"isaac_isca_2016\"]` under [run], or an axis with the key `run.hardware`",
            ));
        }
        Ok(Self {
            question,
            seed,
            run: settings,
            hardware,
            fixed,
            axes,
            text: text.to_owned(),
            settings: Vec::new(),
            folder: PathBuf::new(),
            name: name.to_owned(),
            lines,
        })
    }

    /// Changes one setting, as `--set key=value` does: a run option, the seed, or a hardware key of
    /// every point.
    ///
    /// # Errors
    /// The key is not known, is an axis, or the value does not fit it.
    pub fn set(&mut self, key: &str, value: Value) -> Result<(), Error> {
        let refuse = |(problem, help): (String, String)| {
            let help = if help.is_empty() { String::new() } else { format!("; {help}") };
            Error::Setting { key: key.to_owned(), problem: format!("{problem}{help}") }
        };
        self.settings.push((key.to_owned(), value.clone()));
        let whole = |value: &Value, low: i64| {
            value.as_integer().filter(|v| *v >= low && *v <= i64::from(u32::MAX)).ok_or_else(|| {
                refuse((format!("`{value}` is not a whole number, {low} or more"), String::new()))
            })
        };
        match key {
            "seed" => self.seed = whole(&value, 0)? as u64,
            "run.trials" => self.run.trials = whole(&value, 1)? as u32,
            "run.fidelity" => {
                let name = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                self.run.fidelity = fidelity(&name).map_err(refuse)?;
            }
            "run.hardware" => {
                let names: Option<Vec<String>> = match &value {
                    Value::String(name) => Some(vec![name.clone()]),
                    Value::Array(names) if !names.is_empty() => {
                        names.iter().map(|n| n.as_str().map(str::to_owned)).collect()
                    }
                    _ => None,
                };
                self.refuse_axis(key)?;
                self.hardware = names.ok_or_else(|| {
                    refuse((format!("`{value}` is not a name or a list of names"), String::new()))
                })?;
            }
            _ => {
                check_key(key).map_err(refuse)?;
                self.refuse_axis(key)?;
                check_run_value(key, &value).map_err(refuse)?;
                match (key, &value) {
                    ("run.network", Value::String(name)) => self.run.network = name.clone(),
                    ("run.data", Value::String(name)) => self.run.data = name.clone(),
                    ("run.images", Value::Integer(n)) => self.run.images = *n as usize,
                    _ => {
                        self.fixed.retain(|(k, _)| k != key);
                        self.fixed.push((key.to_owned(), value));
                    }
                }
            }
        }
        Ok(())
    }

    fn refuse_axis(&self, key: &str) -> Result<(), Error> {
        if self.axes.iter().any(|axis| axis.keys.iter().any(|k| k == key)) {
            return Err(Error::Setting {
                key: key.to_owned(),
                problem: "this key is an axis of the sweep; change the axis in the file".to_owned(),
            });
        }
        Ok(())
    }

    /// The question that the sweep answers: the file's first comment.
    pub fn question(&self) -> &str {
        &self.question
    }

    /// The file as it was read.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What is wrong with a point, and the lines of this file that set what the problem is about.
    pub fn locate(&self, problem: &str) -> String {
        let mut text = problem.to_owned();
        for (key, line) in &self.lines {
            let is_file = self.settings.iter().all(|(set, _)| set != key);
            if is_file && problem.contains(&format!("{key} = ")) {
                text.push_str(&format!("\n  = note: `{key}` is set in {}:{line}", self.name));
            }
        }
        text
    }

    /// What was changed beside the file, in order.
    pub fn settings(&self) -> &[(String, Value)] {
        &self.settings
    }

    /// Seed of all random numbers.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Network, data, images, trials.
    pub fn run(&self) -> &RunSettings {
        &self.run
    }

    /// The axes, in the file's order; the list of hardware comes before them.
    pub fn axes(&self) -> &[Axis] {
        &self.axes
    }

    /// All points: hardware outermost, then the axes as the file lists them, the last one fastest.
    pub fn points(&self) -> Vec<Point> {
        // the step on every axis
        let mut grid: Vec<Vec<usize>> = vec![Vec::new()];
        for axis in &self.axes {
            grid = grid
                .iter()
                .flat_map(|steps| (0..axis.rows.len()).map(|step| [steps.as_slice(), &[step]].concat()))
                .collect();
        }
        // with an axis over run.hardware the list is empty and the axis names the machine
        let list = if self.hardware.is_empty() { vec![String::new()] } else { self.hardware.clone() };
        let mut points = Vec::with_capacity(list.len() * grid.len());
        for hardware in &list {
            // several machines are an axis like any other
            let machine =
                (list.len() > 1).then(|| ("run.hardware".to_owned(), Value::String(hardware.clone())));
            for steps in &grid {
                let at = || self.axes.iter().zip(steps);
                let mut point = Point {
                    index: points.len(),
                    seed: self.seed,
                    hardware: hardware.clone(),
                    network: self.run.network.clone(),
                    data: self.run.data.clone(),
                    images: self.run.images,
                    trials: self.run.trials,
                    fidelity: self.run.fidelity,
                    settings: self.fixed.clone(),
                    axes: machine
                        .iter()
                        .cloned()
                        .chain(at().flat_map(|(axis, step)| axis.shown(*step)))
                        .collect(),
                    folder: self.folder.clone(),
                };
                for (key, value) in at().flat_map(|(axis, step)| axis.set(*step)) {
                    match (key.as_str(), value) {
                        ("run.hardware", Value::String(name)) => point.hardware = name,
                        ("run.network", Value::String(name)) => point.network = name,
                        ("run.data", Value::String(name)) => point.data = name,
                        ("run.images", Value::Integer(n)) => point.images = n as usize,
                        (_, value) => point.settings.push((key, value)),
                    }
                }
                points.push(point);
            }
        }
        points
    }
}

/// The fidelity of that name, or problem and help.
fn fidelity(name: &str) -> Result<Fidelity, (String, String)> {
    Fidelity::ALL.into_iter().find(|f| f.name() == name).ok_or_else(|| {
        let known = Fidelity::ALL.map(|f| format!("\"{}\"", f.name())).join(", ");
        let near = nearest(name, Fidelity::ALL.iter().map(|f| f.name()));
        let help = near
            .map_or_else(|| format!("known: {known}"), |n| format!("did you mean \"{n}\"? known: {known}"));
        (format!("there is no fidelity \"{name}\""), help)
    })
}

/// The first comment: the run of `#` lines that the file begins with.
fn question(text: &str) -> Option<String> {
    let lines: Vec<&str> = text
        .lines()
        .skip_while(|line| line.trim().is_empty())
        .map_while(|line| line.trim().strip_prefix('#'))
        .map(str::trim)
        .take_while(|line| !line.is_empty())
        .collect();
    let text = lines.join(" ");
    (!text.is_empty()).then_some(text)
}

fn flatten(prefix: &str, table: Table, into: &mut Vec<(String, Value)>) {
    for (key, value) in table {
        let path = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
        match value {
            Value::Table(inner) => flatten(&path, inner, into),
            value => into.push((path, value)),
        }
    }
}

/// Problem and help, if no key of this name can be set.
fn check_key(key: &str) -> Result<(), (String, String)> {
    if key.split('.').any(|part| part.trim().is_empty()) {
        return Err((format!("`{key}` is not a key path"), "like `adc.bits`".to_owned()));
    }
    match RUN_KEYS.iter().find(|k| k.key == key) {
        Some(known) if known.swept == Swept::Fixed => {
            Err((format!("`{key}` is one value for the whole sweep"), known.meaning.to_owned()))
        }
        Some(_) => Ok(()),
        None if key.starts_with("run.") => {
            let known = RUN_KEYS.iter().filter(|k| k.swept == Swept::Allowed).map(|k| k.key);
            let help = match nearest(key, known.clone()) {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("known: {}", known.collect::<Vec<_>>().join(", ")),
            };
            Err((format!("`{key}` is not a run option"), help))
        }
        None => Ok(()),
    }
}

fn check_run_value(key: &str, value: &Value) -> Result<(), (String, String)> {
    let fits = match key {
        "run.images" => value.as_integer().is_some_and(|n| n > 0),
        "run.network" | "run.data" | "run.hardware" => value.is_str(),
        _ => true,
    };
    if fits {
        return Ok(());
    }
    let form = RUN_KEYS.iter().find(|k| k.key == key).map_or("", |k| k.form);
    Err((format!("`{value}` does not fit `{key}`"), format!("{form} is wanted")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str =
        "# How many bits?\nseed = 7\n[run]\nnetwork = \"n\"\ndata = \"d\"\nimages = 10\ntrials = 2\n";

    fn parse(text: &str) -> Result<SweepFile, Error> {
        SweepFile::parse("s.toml", text)
    }

    fn message(text: &str) -> String {
        parse(text).expect_err("is refused").to_string()
    }

    fn with(rest: &str) -> String {
        format!("{HEAD}hardware = [\"a\", \"b\"]\n{rest}")
    }

    #[test]
    fn a_grid_counts_hardware_outermost_and_the_last_axis_fastest() {
        let file = parse(&with(
            "[set]\ndevice.kind = \"lognormal\"\n[[axis]]\nkey = \"adc.bits\"\nvalues = [4, 5]\n[[axis]]\n\
             key = \"device.sigma_ln\"\nvalues = [0.0, 0.1, 0.2]\n",
        ))
        .expect("is right");
        let points = file.points();
        assert_eq!(points.len(), 2 * 2 * 3);
        assert_eq!(points[7].describe(), "point 7 (b, adc.bits = 4, device.sigma_ln = 0.1)");
        assert_eq!(points[7].settings[0], ("device.kind".to_owned(), Value::String("lognormal".into())));
        assert_eq!(file.question(), "How many bits?");
    }

    #[test]
    fn zipped_keys_move_together_and_may_name_the_machine() {
        let file = parse(&format!(
            "{HEAD}[[axis]]\nkeys = [\"run.hardware\", \"adc.bits\"]\nvalues = [[\"a\", 8], [\"b\", 4]]\n"
        ))
        .expect("is right");
        let points = file.points();
        assert_eq!(points.len(), 2);
        assert_eq!(
            (points[1].hardware.as_str(), &points[1].settings),
            ("b", &vec![("adc.bits".to_owned(), Value::Integer(4))])
        );
    }

    #[test]
    fn labels_stand_for_values_in_results() {
        let file = parse(&with(
            "[[axis]]\nkeys = [\"encoding\", \"crossbar.cols\"]\nvalues = [[{ kind = \"offset\" }, 129], [{ kind = \"ternary\" }, 128]]\n\
             labels = [\"offset\", \"ternary\"]\n",
        ))
        .expect("is right");
        let point = &file.points()[1];
        assert_eq!(point.axes[1], ("encoding".to_owned(), Value::String("ternary".into())));
        assert_eq!(point.settings[1], ("crossbar.cols".to_owned(), Value::Integer(128)));
    }

    #[test]
    fn ranges_by_hand() {
        let values = |range: &str| {
            let file =
                parse(&with(&format!("[[axis]]\nkey = \"a.b\"\nrange = {range}\n"))).expect("is right");
            file.axes()[0].rows.iter().map(|r| r[0].to_string()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(values("{ from = 4, to = 8, steps = 5 }"), "4 5 6 7 8");
        assert_eq!(values("{ from = 0.0, to = 0.4, steps = 5 }"), "0.0 0.1 0.2 0.3 0.4");
        assert_eq!(values("{ from = 0.01, to = 1.0, steps = 3, scale = \"log\" }"), "0.01 0.1 1.0");
        assert_eq!(
            values("{ from = \"1 uS\", to = \"100 uS\", steps = 3, scale = \"log\" }"),
            "\"1 uS\" \"10 uS\" \"100 uS\""
        );
    }

    #[test]
    fn a_refused_value_is_found_in_the_file() {
        let text = with("[set]\ndevice.sigma_ln = 0.1\n[[axis]]\nkey = \"adc.bits\"\nvalues = [4, 99]\n");
        let line = text.lines().position(|l| l.contains("adc.bits")).map_or(0, |i| i + 1);
        let mut file = SweepFile::parse("s.toml", &text).expect("is right");
        let located = file.locate("`adc.bits` = 99 is out of range\n1 | adc.bits = 99");
        assert!(located.ends_with(&format!("\n  = note: `adc.bits` is set in s.toml:{line}")), "{located}");
        assert_eq!(file.locate("no such network"), "no such network");
        // what --set changes is not in the file
        file.set("device.sigma_ln", Value::Float(-1.0)).expect("is known");
        assert_eq!(file.locate("1 | device.sigma_ln = -1.0"), "1 | device.sigma_ln = -1.0");
    }

    #[test]
    fn mistakes_are_shown_where_they_stand() {
        for (text, place, words) in [
            (
                with("[[axis]]\nkey = \"adc.bits\"\nvalues = []\n"),
                "s.toml:11:10",
                "the axis `adc.bits` is empty",
            ),
            (with("[[axis]]\nkey = \"adc.bits\"\nvalue = [1]\n"), "s.toml:11:1", "did you mean `values`?"),
            (
                with("[[axis]]\nkey = \"run.image\"\nvalues = [1]\n"),
                "s.toml:10:7",
                "did you mean `run.images`?",
            ),
            (
                with("[[axis]]\nkey = \"run.trials\"\nvalues = [1]\n"),
                "s.toml:10:7",
                "one value for the whole sweep",
            ),
            (
                with("[[axis]]\nkey = \"run.images\"\nvalues = [\"x\"]\n"),
                "s.toml:10:7",
                "a whole number, 1 or more",
            ),
            (
                with("[[axis]]\nkey = \"a.b\"\nvalues = [1]\n[[axis]]\nkey = \"a.b\"\nvalues = [1]\n"),
                "s.toml:13:7",
                "`a.b` is set twice",
            ),
            (with("[set]\n\"a.b\" = 1\n[[axis]]\nkey = \"a.b\"\nvalues = [1]\n"), "s.toml:12:7", "set twice"),
            (
                with("[[axis]]\nkeys = [\"a.b\", \"a.c\"]\nvalues = [[1, 2], [3]]\n"),
                "s.toml:11:19",
                "a list of 2",
            ),
            (
                with("[[axis]]\nkey = \"a\"\nvalues = [1, 2]\nlabels = [\"x\"]\n"),
                "s.toml:12:10",
                "1 labels for 2 values",
            ),
            (with("[[axis]]\nkey = \"a.b\"\nvalues = [1, 1]\n"), "s.toml:9:1", "takes a value twice"),
            (format!("{HEAD}hardware = []\n"), "s.toml:8:12", "the list of hardware is empty"),
            (HEAD.to_owned(), "s.toml:3:1", "no hardware is named"),
            (with("").replace("images = 10", "images = 0"), "s.toml:6:10", "1 or more"),
            (with("").replace("seed = 7\n", ""), "s.toml:", "add `seed = 1`"),
            (with("").replace("# How many bits?\n", ""), "s.toml:1:1", "a sweep begins with its question"),
            (with("x = = 1\n"), "s.toml:9:5", ""),
        ] {
            let message = message(&text);
            assert!(message.contains(place) && message.contains(words), "{place} {words}\n{message}\n{text}");
        }
    }

    #[test]
    fn settings_beside_the_file() {
        let mut file = parse(&with("[[axis]]\nkey = \"adc.bits\"\nvalues = [4]\n")).expect("is right");
        file.set("run.data", "mnist".into()).expect("a run option");
        file.set("run.hardware", "c".into()).expect("a name");
        file.set("device.sigma_ln", Value::Float(0.1)).expect("a hardware key");
        let points = file.points();
        assert_eq!((points.len(), points[0].data.as_str(), points[0].hardware.as_str()), (1, "mnist", "c"));
        assert!(
            file.set("adc.bits", Value::Integer(3)).expect_err("an axis").to_string().contains("is an axis")
        );
        assert!(
            file.set("run.dat", Value::Integer(3)).expect_err("unknown").to_string().contains("`run.data`")
        );
        assert!(file.set("run.images", Value::Integer(0)).is_err());
    }
}
