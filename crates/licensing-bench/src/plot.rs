//! Plots of a report, as SVG.

use std::path::Path;

use anyhow::{Result, anyhow};
use hdrhistogram::Histogram;
use plotters::prelude::*;

use crate::load::seconds;
use crate::report::Report;

const SIZE: (u32, u32) = (760, 360);
const COLOURS: [RGBColor; 4] =
    [RGBColor(31, 119, 180), RGBColor(214, 39, 40), RGBColor(44, 160, 44), RGBColor(148, 103, 189)];

/// A curve with its name.
pub(crate) type Curve = (String, Vec<(f64, f64)>);

fn failed(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("cannot draw: {error}")
}

/// Draws curves over a common pair of axes.
pub(crate) fn curves(path: &Path, (x, y): (&str, &str), curves: &[Curve]) -> Result<()> {
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE).map_err(failed)?;
    let points = || curves.iter().flat_map(|(_, points)| points);
    let most = |axis: fn(&(f64, f64)) -> f64| points().map(axis).fold(0.0, f64::max) * 1.05;
    let mut chart = ChartBuilder::on(&root)
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(64)
        .build_cartesian_2d(0.0..most(|point| point.0).max(1e-9), 0.0..most(|point| point.1).max(1e-9))
        .map_err(failed)?;
    chart.configure_mesh().x_desc(x).y_desc(y).light_line_style(TRANSPARENT).draw().map_err(failed)?;
    for ((name, points), colour) in curves.iter().zip(COLOURS.iter().cycle()) {
        chart
            .draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))
            .map_err(failed)?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .border_style(TRANSPARENT)
        .background_style(WHITE.mix(0.8))
        .position(SeriesLabelPosition::UpperLeft)
        .draw()
        .map_err(failed)?;
    root.present().map_err(failed)
}

/// A latency histogram as a curve: milliseconds over the number of nines, so that the tail can be seen.
pub(crate) fn latencies(name: &str, histogram: &Histogram<u64>) -> Curve {
    let mut points = Vec::new();
    for step in 0..=35 {
        let nines = f64::from(step) / 10.0;
        let percentile = 100.0 * (1.0 - 10f64.powf(-nines));
        points.push((nines, seconds(histogram.value_at_percentile(percentile)) * 1000.0));
    }
    (name.to_owned(), points)
}

/// The ratio of every round of every line, relative to its goal: above one for what must be large and below for what
/// must be small.
pub(crate) fn rounds(folder: &Path, report: &mut Report) -> Result<()> {
    let curve = |line: &crate::report::Line| {
        let rounds = (1..).map(f64::from);
        (format!("{} (goal {})", line.id, line.goal), rounds.zip(line.ratios().0).collect())
    };
    let all: Vec<Curve> = report.lines.iter().filter(|line| line.ratios().0.len() > 1).map(curve).collect();
    for (at, some) in all.chunks(COLOURS.len()).enumerate() {
        let name = format!("perf-rounds-{}", at + 1);
        curves(&folder.join(format!("{name}.svg")), ("round", "product / floor"), some)?;
        let caption = "Product against floor, round by round: how steady the ratios are.".to_owned();
        report.plots.push((name, caption));
    }
    Ok(())
}
