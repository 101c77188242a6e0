//! A timeline: which layer works on which image when, and as a Chrome trace (chrome://tracing, Perfetto).

use crate::Cost;
use crate::pipeline::{SIMULATED, Turn, Walk};
use ohmic_hardware::Hardware;
use ohmic_mapping::Plan;
use ohmic_network::{LayerId, Network};
use serde_json::{Value, json};

/// A layer at work without a pause on one row of its result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// The layer.
    pub layer: LayerId,
    /// The image, from 0.
    pub image: usize,
    /// Row of the result in which the first vector lies.
    pub row: usize,
    /// Begin, in seconds.
    pub start_s: f64,
    /// End, in seconds.
    pub end_s: f64,
}

/// A few images on their way through a network.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timeline {
    /// Layers at work, by layer and begin.
    pub spans: Vec<Span>,
    /// Begin and end of each image, in seconds.
    pub images: Vec<(f64, f64)>,
    /// Begin and end of writing the chip, load after load, in seconds; empty if it is written once and for all.
    pub writes: Vec<(f64, f64)>,
    /// Begin and end of the images of a batch that are not followed one by one, load after load, in seconds.
    pub others: Vec<(f64, f64)>,
}

/// The way of the first `images` images, by the times that `cost` found: images follow each other at its interval, or all
/// are there where the chip is written anew for a batch.
pub fn timeline(plan: &Plan, hardware: &Hardware, cost: &Cost, images: usize) -> Timeline {
    let mut vector_s = vec![0.0; plan.layers.len()];
    for layer in &cost.layers {
        vector_s[layer.id.0 as usize] = layer.vector_s;
    }
    let walk = Walk { plan, hardware, vector_s: &vector_s };
    let mut timeline = Timeline::default();
    match &cost.reload {
        None => {
            let apart_s = cost.interval_s;
            let done = walk.load(0, images, 0.0, apart_s, |turn| timeline.add(turn));
            timeline.images = done.iter().enumerate().map(|(i, &end)| (i as f64 * apart_s, end)).collect();
        }
        Some(reload) => {
            let (mut now_s, followed) = (0.0, reload.images.min(SIMULATED));
            for (load, &write_s) in reload.writes_s.iter().enumerate() {
                timeline.writes.push((now_s, now_s + write_s));
                let done = walk.load(load, followed, now_s + write_s, 0.0, |turn| timeline.add(turn));
                let last_s = done.last().copied().unwrap_or(now_s + write_s);
                now_s = last_s + (reload.images - followed) as f64 * walk.slowest_s(load);
                if reload.images > followed {
                    timeline.others.push((last_s, now_s));
                }
                timeline.images = done.iter().map(|&end| (0.0, end)).collect();
            }
        }
    }
    timeline.spans.sort_by(|a, b| a.layer.cmp(&b.layer).then(a.start_s.total_cmp(&b.start_s)));
    timeline
}

impl Timeline {
    fn add(&mut self, turn: Turn) {
        if let Some(last) = self.spans.last_mut() {
            // the very same number: the walk counts turns without a pause
            if (last.layer, last.image, last.row) == (turn.layer, turn.image, turn.row)
                && last.end_s.to_bits() == turn.start_s.to_bits()
            {
                last.end_s = turn.end_s;
                return;
            }
        }
        let Turn { layer, image, row, start_s, end_s } = turn;
        self.spans.push(Span { layer, image, row, start_s, end_s });
    }

    /// End of the last thing on it, in seconds.
    pub fn end_s(&self) -> f64 {
        let ends = self.images.iter().chain(&self.writes).chain(&self.others).map(|&(_, end)| end);
        ends.chain(self.spans.iter().map(|span| span.end_s)).fold(0.0, f64::max)
    }

    /// The timeline in the format of chrome://tracing and Perfetto: a row for each layer with the crossbars it takes, one
    /// for each image, one for writing the chip; times in microseconds.
    pub fn chrome_trace(&self, network: &Network, plan: &Plan) -> String {
        const LAYERS: u32 = 1;
        const IMAGES: u32 = 2;
        const CHIP: u32 = 3;
        let mut events: Vec<Value> = Vec::new();
        let name = |what: &str, pid: u32, tid: usize, name: &str| json!({ "ph": "M", "name": what, "pid": pid, "tid": tid, "args": { "name": name } });
        let span = |pid: u32, tid: usize, name: String, (start_s, end_s): (f64, f64), args: Value| {
            json!({ "ph": "X", "name": name, "pid": pid, "tid": tid, "ts": start_s * 1e6,
                    "dur": (end_s - start_s) * 1e6, "args": args })
        };
        events.push(name("process_name", LAYERS, 0, "layers"));
        for layer in plan.layers.iter().flatten() {
            let title = format!(
                "{} ({} x {} crossbars, {} to {}{})",
                network.nodes[layer.id.0 as usize].name,
                layer.copies,
                layer.crossbars.len(),
                layer.placed.start,
                layer.placed.end.max(1) - 1,
                if plan.loads > 1 { format!(", load {}", layer.loads.start + 1) } else { String::new() }
            );
            events.push(name("thread_name", LAYERS, layer.id.0 as usize, &title));
        }
        for s in &self.spans {
            let (tid, title) = (s.layer.0 as usize, format!("image {}", s.image));
            events.push(span(LAYERS, tid, title, (s.start_s, s.end_s), json!({ "row": s.row })));
        }
        events.push(name("process_name", IMAGES, 0, "images"));
        for (i, &image) in self.images.iter().enumerate() {
            events.push(name("thread_name", IMAGES, i, &format!("image {i}")));
            events.push(span(IMAGES, i, format!("image {i}"), image, json!({})));
        }
        if !self.writes.is_empty() {
            events.push(name("process_name", CHIP, 0, "chip"));
            events.push(name("thread_name", CHIP, 0, "writing"));
            events.push(name("thread_name", CHIP, 1, "the other images of the batch"));
            for (load, &write) in self.writes.iter().enumerate() {
                events.push(span(CHIP, 0, format!("load {}", load + 1), write, json!({})));
            }
            for (load, &others) in self.others.iter().enumerate() {
                events.push(span(CHIP, 1, format!("load {}", load + 1), others, json!({})));
            }
        }
        json!({ "displayTimeUnit": "ns", "traceEvents": events }).to_string()
    }
}
