//! A cell as it was measured: tables of states and of their change over time.

use super::fitted::{AGE_SCALE, FITTED_G_MIN, PROGRAM_SCALE, READ_SCALE, Scales};
use super::{DeviceModel, G_MAX, G_MIN, Held, ON_OFF_RATIO, Patch, ReadNoise, Window, window_of};
use crate::component::OutsideValidity;
use crate::spec::Conditions;
use ohmic_config::{Csv, Dimension, Error, KeyDoc, Kind, Section};
use ohmic_numerics::Purpose;

const SOURCE: KeyDoc = KeyDoc::text("source", "where the measurement comes from").optional("nothing is said");
const STATES: KeyDoc = KeyDoc::file(
    "states",
    "table of states: target, mean and sigma of programmed cells, read_sigma if it was measured",
)
.optional("reads says them");
const READS: KeyDoc = KeyDoc::file(
    "reads",
    "table of raw reads, one a line: target and read; programming draws from them as they are",
)
.optional("states says them");
const DRIFT: KeyDoc = KeyDoc::file(
    "drift",
    "table of the change since programming: elapsed, target, mean_change and sigma_change",
)
.optional("the device is known as programmed only");
const DRIFT_TEMPERATURE: KeyDoc = KeyDoc::quantity(
    "drift_temperature",
    Dimension::Temperature,
    "temperature at which the change was measured; at another one the device is refused",
)
.above(0.0)
.optional("nothing is said, no temperature is refused");
const MEASURED_G_MAX: KeyDoc = KeyDoc::quantity(
    G_MAX.key,
    Dimension::Conductance,
    "conductance of the highest level; not above the largest target in the tables",
)
.above(0.0)
.optional("the largest target");

const TARGET: KeyDoc =
    KeyDoc::quantity("target", Dimension::Conductance, "conductance that the cells were asked for")
        .at_least(0.0);
const MEAN: KeyDoc =
    KeyDoc::quantity("mean", Dimension::Conductance, "mean of the programmed cells").at_least(0.0);
const SIGMA: KeyDoc =
    KeyDoc::quantity("sigma", Dimension::Conductance, "standard deviation of the programmed cells")
        .at_least(0.0);
const READ_SIGMA: KeyDoc = KeyDoc::quantity(
    "read_sigma",
    Dimension::Conductance,
    "standard deviation of one cell from read to read",
)
.at_least(0.0)
.optional("reads are quiet");
const READ: KeyDoc =
    KeyDoc::quantity("read", Dimension::Conductance, "conductance that was read").at_least(0.0);
const ELAPSED: KeyDoc = KeyDoc::quantity("elapsed", Dimension::Time, "time since programming").above(0.0);
const MEAN_CHANGE: KeyDoc =
    KeyDoc::quantity("mean_change", Dimension::Conductance, "mean of the cells' change since programming");
const SIGMA_CHANGE: KeyDoc =
    KeyDoc::quantity("sigma_change", Dimension::Conductance, "standard deviation of that change")
        .at_least(0.0);

const STATE_COLUMNS: &[KeyDoc] = &[TARGET, MEAN, SIGMA, READ_SIGMA];
const READ_COLUMNS: &[KeyDoc] = &[TARGET, READ];
const DRIFT_COLUMNS: &[KeyDoc] = &[ELAPSED, TARGET, MEAN_CHANGE, SIGMA_CHANGE];

pub(super) const KIND: Kind<dyn DeviceModel> = Kind {
    name: "measured",
    summary: "as measured: CSV tables of states or raw reads, and of their change over time (`ohmic fit` makes them)",
    example: r#"states = """
target [uS], mean [uS], sigma [uS], read_sigma [uS]
1, 1.2, 0.4, 0.05
50, 49.5, 1.5, 0.3
100, 100, 2, 0.5
"""
drift = """
elapsed [s], target [uS], mean_change [uS], sigma_change [uS]
1, 1, 0, 0
1, 50, 0, 0
1, 100, 0, 0
1e5, 1, 0.1, 0.2
1e5, 50, -2, 1.5
1e5, 100, -1, 1
"""
drift_temperature = "300 K"
g_min = "1 uS"
g_max = "100 uS""#,
    quiet: Some(
        r#"states = """
target [uS], mean [uS], sigma [uS]
0, 0.1, 0.2
100, 99, 2
"""
program_scale = 0.0
age_scale = 0.0
read_scale = 0.0"#,
    ),
    keys: &[
        SOURCE,
        STATES,
        READS,
        DRIFT,
        DRIFT_TEMPERATURE,
        MEASURED_G_MAX,
        FITTED_G_MIN,
        ON_OFF_RATIO,
        PROGRAM_SCALE,
        AGE_SCALE,
        READ_SCALE,
    ],
    build,
};

/// Model, every column on straight lines between the states, xi ~ N(0, 1):
///
/// * programming: g_p = max(0, g_target + (mean - target) + sigma xi); from raw reads the error is one of the measured
///   ones, the same quantile of both neighbouring states;
/// * ageing: g(t) = max(0, g_p + mean_change + sigma_change xi'), between the measured times on straight lines in ln t;
///   the same xi' at all times;
/// * read: independent, read_sigma of the state.
///
/// Units: siemens and seconds. Valid: targets between the first and the last state, elapsed 0 or between the first
/// and the last measured time, at `drift_temperature`. A target that device-to-device variation has moved beyond the
/// outermost states has their errors.
/// Randomness: `Purpose::Program` and `Purpose::Age`, one draw a cell each.
/// Left out: correlation of the change with the error of programming; what neither mean nor sigma say (use `reads`).
#[derive(Debug)]
struct Measured {
    window: Window,
    scales: Scales,
    targets: Vec<f64>,
    programming: Programming,
    read: Option<Read>,
    /// By ascending time.
    drift: Vec<Change>,
    drift_kelvin: Option<f64>,
}

/// Change since programming, at every state.
#[derive(Debug)]
struct Change {
    elapsed_s: f64,
    mean: Vec<f64>,
    sigma: Vec<f64>,
}

#[derive(Debug)]
enum Programming {
    /// Mean error and its spread, one a state.
    Moments(Vec<f64>, Vec<f64>),
    /// Errors of every state, ascending.
    Errors(Vec<Vec<f64>>),
}

fn build(s: &Section<'_>) -> Result<Box<dyn DeviceModel>, Error> {
    s.exactly_one(&[&STATES, &READS])?;
    let scales = Scales::read(s)?;
    let (targets, programming, read_sigma) = match s.csv_if(&STATES, STATE_COLUMNS)? {
        Some(table) => states(&table)?,
        None => reads(&s.csv(&READS, READ_COLUMNS)?)?,
    };
    let drift = s.csv_if(&DRIFT, DRIFT_COLUMNS)?.map_or(Ok(Vec::new()), |table| drift(&table, &targets))?;
    let (low, high) = (targets[0], targets[targets.len() - 1]);
    let g_max = s.quantity_if(&MEASURED_G_MAX)?.unwrap_or(high);
    s.at_most_one(&[&G_MIN, &ON_OFF_RATIO])?;
    let ratio = s.number_if(&ON_OFF_RATIO)?.map(|r| g_max / r);
    let window = window_of(s, s.quantity_if(&G_MIN)?.or(ratio).unwrap_or(low), g_max)?;
    let outside = |key: &str, g: f64| {
        let show = |g| Dimension::Conductance.format(g);
        let problem = format!("{} is outside of the measured states", show(g));
        s.invalid(key, problem, vec![], Some(format!("{} to {}", show(low), show(high))))
    };
    let slack = 1e-9 * high;
    if window.g_max_siemens > high + slack {
        return Err(outside(G_MAX.key, window.g_max_siemens));
    }
    if window.g_min_siemens < low - slack {
        let key = if s.has(&ON_OFF_RATIO) { ON_OFF_RATIO.key } else { G_MIN.key };
        return Err(outside(key, window.g_min_siemens));
    }
    let read = (scales.read > 0.0 && read_sigma.iter().any(|s| *s > 0.0)).then(|| Read {
        targets: targets.clone(),
        sigma: read_sigma.iter().map(|sigma| sigma * scales.read).collect(),
    });
    let drift_kelvin = s.quantity_if(&DRIFT_TEMPERATURE)?;
    Ok(Box::new(Measured { window, scales, targets, programming, read, drift, drift_kelvin }))
}

fn ascending(table: &Csv, key: &KeyDoc) -> Result<(), Error> {
    let values = table.values(key);
    match values.windows(2).position(|pair| pair[1] <= pair[0]) {
        None => Ok(()),
        Some(row) => Err(table.invalid(
            row + 1,
            key,
            "not above the row before it".to_owned(),
            vec![(table.place(row, key), "the row before it".to_owned())],
            Some("sort the rows; each state stands in the table once".to_owned()),
        )),
    }
}

fn at_least_two(table: &Csv, states: usize) -> Result<(), Error> {
    if states >= 2 {
        return Ok(());
    }
    Err(table.invalid(0, &TARGET, "one state only; a device has two or more".to_owned(), vec![], None))
}

type States = (Vec<f64>, Programming, Vec<f64>);

fn states(table: &Csv) -> Result<States, Error> {
    at_least_two(table, table.rows())?;
    ascending(table, &TARGET)?;
    let targets = table.values(&TARGET).to_vec();
    let error = table.values(&MEAN).iter().zip(&targets).map(|(mean, target)| mean - target).collect();
    let moments = Programming::Moments(error, table.values(&SIGMA).to_vec());
    Ok((targets, moments, table.values(&READ_SIGMA).to_vec()))
}

fn reads(table: &Csv) -> Result<States, Error> {
    let mut targets: Vec<f64> = table.values(&TARGET).to_vec();
    targets.sort_by(f64::total_cmp);
    targets.dedup();
    at_least_two(table, targets.len())?;
    let mut errors = vec![Vec::new(); targets.len()];
    for (target, read) in table.values(&TARGET).iter().zip(table.values(&READ)) {
        let state = targets.partition_point(|t| t < target);
        errors[state].push(read - target);
    }
    errors.iter_mut().for_each(|e| e.sort_by(f64::total_cmp));
    Ok((targets, Programming::Errors(errors), Vec::new()))
}

fn drift(table: &Csv, targets: &[f64]) -> Result<Vec<Change>, Error> {
    let mut times: Vec<Change> = Vec::new();
    let rows = table.values(&ELAPSED).iter().zip(table.values(&TARGET)).enumerate();
    for (row, (&elapsed, &target)) in rows {
        let complete = times.last().is_none_or(|t| t.mean.len() == targets.len());
        let same_time = times.last().is_some_and(|t| t.elapsed_s.to_bits() == elapsed.to_bits());
        if !same_time {
            if let (false, Some(last)) = (complete, times.last()) {
                let problem = format!(
                    "the {} rows before it give {} of {} states",
                    last.mean.len(),
                    last.mean.len(),
                    targets.len()
                );
                let help =
                    Some("every time needs every state of the table of states, in its order".to_owned());
                return Err(table.invalid(row, &ELAPSED, problem, vec![], help));
            }
            if times.last().is_some_and(|t| elapsed < t.elapsed_s) {
                let help = Some("sort the rows by time".to_owned());
                return Err(table.invalid(
                    row,
                    &ELAPSED,
                    "before the time above it".to_owned(),
                    vec![(table.place(row - 1, &ELAPSED), "the time above it".to_owned())],
                    help,
                ));
            }
            times.push(Change { elapsed_s: elapsed, mean: Vec::new(), sigma: Vec::new() });
        }
        let Some(last) = times.last_mut() else { continue };
        let want = targets.get(last.mean.len()).copied();
        if want.is_none_or(|w| (target - w).abs() > 1e-9 * w.abs().max(1e-12)) {
            let problem = match want {
                Some(w) => format!("the next state is {}", Dimension::Conductance.format(w)),
                None => "all states of this time were given".to_owned(),
            };
            let help = Some("every time needs every state of the table of states, in its order".to_owned());
            return Err(table.invalid(row, &TARGET, problem, vec![], help));
        }
        last.mean.push(table.values(&MEAN_CHANGE)[row]);
        last.sigma.push(table.values(&SIGMA_CHANGE)[row]);
    }
    if let Some(last) = times.last().filter(|t| t.mean.len() < targets.len()) {
        let problem = format!("the last time gives {} of {} states", last.mean.len(), targets.len());
        let help = Some("every time needs every state of the table of states, in its order".to_owned());
        return Err(table.invalid(table.rows() - 1, &TARGET, problem, vec![], help));
    }
    Ok(times)
}

/// Between which states a conductance lies: the upper one's index, and the share of it from 0 to 1.
fn between(targets: &[f64], g: f64) -> (usize, f64) {
    let upper = targets.partition_point(|t| *t < g).clamp(1, targets.len() - 1);
    let share = (g - targets[upper - 1]) / (targets[upper] - targets[upper - 1]);
    (upper, share.clamp(0.0, 1.0))
}

fn line(values: &[f64], (upper, share): (usize, f64)) -> f64 {
    values[upper - 1] + (values[upper] - values[upper - 1]) * share
}

impl Measured {
    /// Mean change and its spread of every state after a time between the first and the last measured one.
    fn change(&self, elapsed_s: f64) -> Option<(Vec<f64>, Vec<f64>)> {
        let later = self.drift.iter().position(|t| t.elapsed_s >= elapsed_s)?;
        let (to, from) = (&self.drift[later], &self.drift[later.saturating_sub(1)]);
        let share = match later {
            0 => 1.0,
            _ => libm::log(elapsed_s / from.elapsed_s) / libm::log(to.elapsed_s / from.elapsed_s),
        };
        let mix = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a + (b - a) * share).collect();
        Some((mix(&from.mean, &to.mean), mix(&from.sigma, &to.sigma)))
    }
}

impl DeviceModel for Measured {
    fn window(&self) -> Window {
        self.window
    }

    fn holds(&self, conditions: &Conditions) -> Result<(), OutsideValidity> {
        let t = conditions.elapsed_s;
        if t <= 0.0 || self.scales.age <= 0.0 {
            return Ok(());
        }
        let show = |t| Dimension::Time.format(t);
        let outside =
            |valid: String| Err(OutsideValidity { key: "conditions.elapsed", value: show(t), valid });
        let (Some(first), Some(last)) = (self.drift.first(), self.drift.last()) else {
            return outside("there is no table of drift: leave `conditions.elapsed` out or 0 s".to_owned());
        };
        if t < first.elapsed_s || t > last.elapsed_s {
            return outside(format!(
                "0 s (as programmed), or {} to {}",
                show(first.elapsed_s),
                show(last.elapsed_s)
            ));
        }
        match self.drift_kelvin {
            Some(kelvin) if (kelvin - conditions.temperature_kelvin).abs() > 1.0 => Err(OutsideValidity {
                key: "conditions.temperature",
                value: format!("{} K", conditions.temperature_kelvin),
                valid: format!("the drift was measured at {kelvin} K"),
            }),
            _ => Ok(()),
        }
    }

    fn program(&self, g_siemens: &mut [f32], patch: &Patch<'_>, attempt: u32) {
        let scale = self.scales.program;
        if scale <= 0.0 {
            return;
        }
        match &self.programming {
            Programming::Moments(mean, sigma) => {
                patch.for_each_normal(g_siemens, Purpose::Program, attempt, |g, z| {
                    let at = between(&self.targets, f64::from(*g));
                    let error = scale * (line(mean, at) + line(sigma, at) * f64::from(z));
                    *g = (f64::from(*g) + error).max(0.0) as f32;
                });
            }
            Programming::Errors(errors) => {
                for (cell, g) in (patch.at.first..).zip(g_siemens) {
                    let u = patch.noise.uniform(Purpose::Program, patch.at.site, attempt, cell);
                    let (upper, share) = between(&self.targets, f64::from(*g));
                    let of = |state: usize| {
                        let errors = &errors[state];
                        errors[((u * errors.len() as f64) as usize).min(errors.len() - 1)]
                    };
                    let error = of(upper - 1) + (of(upper) - of(upper - 1)) * share;
                    *g = (f64::from(*g) + scale * error).max(0.0) as f32;
                }
            }
        }
    }

    fn age(&self, g_siemens: &mut [f32], targets: &[f32], patch: &Patch<'_>, conditions: &Conditions) {
        let scale = self.scales.age;
        if conditions.elapsed_s <= 0.0 || scale <= 0.0 {
            return;
        }
        let Some((mean, sigma)) = self.change(conditions.elapsed_s) else { return };
        let mut targets = targets.iter();
        patch.for_each_normal(g_siemens, Purpose::Age, 0, |g, z| {
            let at = between(&self.targets, f64::from(*targets.next().unwrap_or(g)));
            let change = scale * (line(&mean, at) + line(&sigma, at) * f64::from(z));
            *g = (f64::from(*g) + change).max(0.0) as f32;
        });
    }

    fn read_noise(&self) -> Option<&dyn ReadNoise> {
        self.read.as_ref().map(|r| r as &dyn ReadNoise)
    }
}

#[derive(Debug)]
struct Read {
    targets: Vec<f64>,
    sigma: Vec<f64>,
}

impl ReadNoise for Read {
    fn sigma_siemens(&self, cell: Held, _: &Conditions) -> f32 {
        line(&self.sigma, between(&self.targets, f64::from(cell.g_target_siemens))) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::super::fitted::check::{agrees, conditions, near, read_us};
    use super::*;

    /// At 75 uS, half way from 50 to 100: error (-0.5 + 0) / 2, sigma (1.5 + 2) / 2; after sqrt(1e5) s half of the change of
    /// 1e5 s: mean (-2 - 1) / 2 / 2 = -0.75, sigma (1.5 + 1) / 2 / 2 = 0.625.
    #[test]
    fn everything_lies_on_straight_lines() {
        let device = KIND.build_text(KIND.example).unwrap();
        agrees(device.as_ref(), 75.0, &conditions(0.0, 1e-7), 74.75, 1.75);
        agrees(device.as_ref(), 50.0, &conditions(1e5, 1e-7), 47.5, (1.5f64.powi(2) + 1.5f64.powi(2)).sqrt());
        let half = conditions(1e5f64.sqrt(), 1e-7);
        agrees(device.as_ref(), 75.0, &half, 74.0, (1.75f64.powi(2) + 0.625f64.powi(2)).sqrt());
        near(read_us(device.as_ref(), 75.0, 80.0, &conditions(0.0, 1e-7)), 0.4);
    }

    /// Three errors of the lower state, two of the upper: each is drawn as often as it was measured, and in the middle
    /// between the states quantiles are averaged: -3 with -4 in 1/3, 0 with -4 in 1/6, 0 with 4 in 1/6, 6 with 4 in 1/3.
    #[test]
    fn raw_reads_are_drawn_as_they_are() {
        let text =
            "reads = \"\"\"\ntarget [uS], read [uS]\n50, 47\n50, 50\n50, 56\n100, 96\n100, 104\n\"\"\"";
        let device = KIND.build_text(text).unwrap();
        // 50 uS: mean of -3, 0, 6 is 1, variance (16 + 1 + 25) / 3 = 14
        agrees(device.as_ref(), 50.0, &conditions(0.0, 1e-7), 51.0, 14f64.sqrt());
        // 75 uS: -3.5, -2, 2, 5 with 1/3, 1/6, 1/6, 1/3: mean 0.5; mean square (12.25 + 25) / 3 + 8 / 6 = 13.75
        agrees(device.as_ref(), 75.0, &conditions(0.0, 1e-7), 75.5, (13.75f64 - 0.25).sqrt());
        assert!(device.holds(&conditions(1.0, 1e-7)).unwrap_err().valid.contains("no table of drift"));
    }

    #[test]
    fn bad_tables_are_refused_at_their_place() {
        let states = "states = \"\"\"\ntarget [uS], mean [uS], sigma [uS]\n1, 1, 0.1\n9, 9, 0.1\n\"\"\"\n";
        let drift = |rows: &str| {
            format!(
                "{states}drift = \"\"\"\nelapsed [s], target [uS], mean_change [uS], sigma_change [uS]\n{rows}\"\"\""
            )
        };
        for (text, place, says) in [
            ("states = 'states.csv'".to_owned(), "measured example:1:10", "there is no table in"),
            (states.replace("9, 9", "9, -9"), "measured.states:3:4", "out of range"),
            (states.replace("9, 9", "1, 9"), "measured.states:3:1", "not above the row before it"),
            (states.replace("9, 9, 0.1\n", ""), "measured.states:2:1", "one state only"),
            (drift("5, 1, 0, 0\n5, 9, 0, 0\n2, 1, 0, 0\n"), "measured.drift:4:1", "before the time above it"),
            (drift("5, 1, 0, 0\n6, 1, 0, 0\n"), "measured.drift:3:1", "1 of 2 states"),
            (drift("5, 1, 0, 0\n"), "measured.drift:2:4", "1 of 2 states"),
            (drift("5, 1, 0, 0\n5, 8, 0, 0\n"), "measured.drift:3:4", "the next state is 9 uS"),
            (drift("5, 1, 0, 0\n5, 9, 0, -1\n"), "measured.drift:3:10", "out of range"),
            (drift("0, 1, 0, 0\n0, 9, 0, 1\n"), "measured.drift:2:1", "out of range"),
            (
                format!("{states}g_max = '10 uS'"),
                "measured example:6:9",
                "10 uS is outside of the measured states",
            ),
            (
                format!("{states}g_min = '0 S'"),
                "measured example:6:9",
                "0 S is outside of the measured states",
            ),
            ("g_min = '0 S'".to_owned(), "measured example:1:1", "missing key `measured.states`"),
        ] {
            let e = KIND.build_text(&text).map(|_| ()).expect_err(&text).one_line();
            assert!(e.contains(place) && e.contains(says), "{text}\n{place}\n{e}");
        }
    }

    #[test]
    fn times_and_temperatures_that_were_not_measured_are_refused() {
        let device = KIND.build_text(KIND.example).unwrap();
        for t in [0.5, 1.1e5] {
            assert!(device.holds(&conditions(t, 1e-7)).unwrap_err().valid.contains("1 s to 100000 s"));
        }
        let hot = Conditions { temperature_kelvin: 350.0, ..conditions(10.0, 1e-7) };
        assert_eq!(device.holds(&hot).unwrap_err().key, "conditions.temperature");
        assert!(device.holds(&Conditions { elapsed_s: 0.0, ..hot }).is_ok());
    }
}
