//! What a figure shows, before it is drawn: plain data in the columns' own units.

/// A figure with what a reader needs to understand it.
#[derive(Clone, Debug)]
pub struct Figure {
    /// File name without ending, unique in a report.
    pub name: String,
    /// Heading.
    pub title: String,
    /// What is seen, and what the error bars mean.
    pub caption: String,
    /// The picture.
    pub chart: Chart,
}

/// A picture.
#[derive(Clone, Debug)]
pub enum Chart {
    /// Points and lines over a numeric axis.
    Lines(Lines),
    /// Horizontal bars, one row per label, one panel per quantity.
    Bars(Bars),
    /// Stacked columns over categories, one panel per design.
    Stack(Stack),
    /// Histograms with a range marked.
    Histograms(Histograms),
}

/// Points and lines over a numeric axis.
#[derive(Clone, Debug)]
pub struct Lines {
    /// Title of the x axis without unit.
    pub x_title: String,
    /// Unit of x, SI base, empty: dimensionless.
    pub x_unit: String,
    /// Title of the y axis without unit.
    pub y_title: String,
    /// Unit of y, SI base, empty: dimensionless.
    pub y_unit: String,
    /// Whether y is a fraction: its axis then never leaves 0..1.
    pub y_range: YRange,
    /// The series.
    pub series: Vec<Series>,
    /// Horizontal lines.
    pub references: Vec<Reference>,
    /// Legend; empty: none.
    pub legend: Vec<LegendEntry>,
}

/// What the y axis may span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum YRange {
    /// 0..1 at most.
    Fraction,
    /// Whatever the data need, logarithmic if they span more than a factor of 30.
    Free,
    /// Whatever the data need, never logarithmic (decibels already are).
    Linear,
}

/// One series of points.
#[derive(Clone, Debug)]
pub struct Series {
    /// Index of the colour.
    pub colour: usize,
    /// Index of the marker's shape, and of the line's dashes.
    pub marker: usize,
    /// Whether the points are joined.
    pub line: Join,
    /// The points, by x.
    pub points: Vec<Spot>,
}

/// How points are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// Markers joined by a line.
    Line,
    /// Markers alone.
    Markers,
    /// A line alone.
    LineOnly,
}

/// A point with its interval.
#[derive(Clone, Copy, Debug)]
pub struct Spot {
    /// Place on the x axis.
    pub x: f64,
    /// Place on the y axis; +infinity is drawn as an arrow at the upper edge.
    pub y: f64,
    /// Lower and upper end of the error bar.
    pub bar: Option<(f64, f64)>,
}

/// A horizontal line.
#[derive(Clone, Debug)]
pub struct Reference {
    /// Words at the line.
    pub label: String,
    /// Where.
    pub y: f64,
}

/// An entry of a legend.
#[derive(Clone, Debug)]
pub struct LegendEntry {
    /// Words.
    pub label: String,
    /// Colour; none: grey.
    pub colour: Option<usize>,
    /// Marker; none: the line alone.
    pub marker: Option<usize>,
    /// How the sample is drawn.
    pub join: Join,
}

/// Horizontal bars.
#[derive(Clone, Debug)]
pub struct Bars {
    /// Label of each row.
    pub rows: Vec<String>,
    /// Panels beside each other, sharing the rows.
    pub panels: Vec<Panel>,
    /// Names of the stacked parts; fewer than two: no legend, no stack.
    pub parts: Vec<String>,
}

/// One quantity of horizontal bars.
#[derive(Clone, Debug)]
pub struct Panel {
    /// Title of the axis without unit.
    pub title: String,
    /// Unit.
    pub unit: String,
    /// Parts of each row; an empty row: no value.
    pub values: Vec<Vec<f64>>,
    /// Half width of each row's interval.
    pub half: Vec<Option<f64>>,
}

/// Stacked columns over categories.
#[derive(Clone, Debug)]
pub struct Stack {
    /// Title of the category axis.
    pub x_title: String,
    /// Title of the value axis.
    pub y_title: String,
    /// Unit of the values.
    pub y_unit: String,
    /// Categories.
    pub categories: Vec<String>,
    /// Names of the parts.
    pub parts: Vec<String>,
    /// Title and, per category, the parts; an empty column: no value.
    pub panels: Vec<(String, Vec<Vec<f64>>)>,
}

/// Histograms with a range marked, one panel below the other.
#[derive(Clone, Debug)]
pub struct Histograms {
    /// Title of the axis that is counted over, unit included.
    pub x_title: String,
    /// Title of the counts, which are drawn in decades.
    pub y_title: String,
    /// Names of what lies inside and outside of the range, for the legend.
    pub parts: Vec<String>,
    /// The histograms.
    pub panels: Vec<Histogram>,
}

/// One histogram.
#[derive(Clone, Debug)]
pub struct Histogram {
    /// What was counted.
    pub title: String,
    /// Where the first bin begins and the last one ends.
    pub low: f64,
    /// See `low`.
    pub high: f64,
    /// Counts of equally wide bins.
    pub counts: Vec<u64>,
    /// The range that is marked.
    pub range: (f64, f64),
    /// Fraction that lies below the range.
    pub below: f64,
    /// Fraction that lies above it.
    pub above: f64,
}
