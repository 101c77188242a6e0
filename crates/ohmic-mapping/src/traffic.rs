//! What tiles send each other for one inference.
//!
//! A value lives in the tile that finished it and is sent once to each other tile that has a row of its channel, whichever of
//! its windows it is in; of channels that windows jump over, the part that they touch. Digital layers (activation, pooling, joining) work where their first input lives; an addition
//! where the input lives that was finished last, the others are sent there. Copies of a layer take an even share of its
//! positions each; of its inputs, a tile with some of the copies gets as many as their windows reach at most. Where the rows of an output lie in several
//! tiles, each adds its own up and sends one partial sum to the tile with most of these rows.
//!
//! Left out: the way of the network's input to the first tiles and of its answer out of the last; one message for
//! several receivers; pooling over what several copies finished; headers and the rounding of a message to whole flits.

use crate::place::Partners;
use crate::{Block, LayerPlan, Shapes};
use ohmic_hardware::{Hardware, InterconnectModel, Placement, SendZeros};
use ohmic_network::gather::Gather;
use ohmic_network::{LayerId, Network, Shape, Source};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// What of a layer decides where its values go.
#[derive(Clone, Debug)]
pub struct Stream {
    /// Where its inputs come from.
    pub inputs: Vec<Source>,
    /// Shape of its result.
    pub shape: Shape,
    /// How its vectors are gathered, if it has a matrix.
    pub gather: Option<Gather>,
    /// The axis along which it only puts its inputs one after the other.
    pub joins: Option<usize>,
}

impl Stream {
    /// Those of a network, by layer index.
    pub(crate) fn of(network: &Network) -> Vec<Self> {
        let of = |node: &ohmic_network::Node| Self {
            inputs: node.inputs.clone(),
            shape: node.shape.clone(),
            gather: node.layer.mvm().map(|mvm| mvm.gather),
            joins: node.layer.joins(),
        };
        network.nodes.iter().map(of).collect()
    }
}

/// What a message carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cargo {
    /// Values that a layer finished. Their zeros are those that the matrix layer named here sees in its input; `None`
    /// if no matrix layer looks at these values.
    Values(Option<LayerId>),
    /// Sums over a part of the rows.
    PartialSums,
}

/// What one tile sends another for one layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// Sending tile, counted over all chips.
    pub from: u32,
    /// Receiving tile.
    pub to: u32,
    /// What it carries.
    pub cargo: Cargo,
    /// Values of one inference.
    pub values: u64,
    /// Bits of a value.
    pub bits: u32,
}

impl Message {
    /// Bytes sent, if `non_zeros` of the values (a fraction) are not zero.
    pub fn bytes(&self, non_zeros: f64, send: SendZeros) -> f64 {
        let all = (self.values * u64::from(self.bits)) as f64 / 8.0;
        match (self.cargo, send) {
            (Cargo::PartialSums, _) | (_, SendZeros::Yes) => all,
            (_, SendZeros::No) => all * non_zeros,
            (_, SendZeros::Masked) => all.min(all * non_zeros + self.values as f64 / 8.0),
        }
    }
}

/// What the tiles of a plan send each other for one inference, and where they stand.
#[derive(Clone, Debug)]
pub struct Traffic {
    /// By layer index: what is sent for a layer with a matrix to work (its inputs, its partial sums), and for the
    /// digital layers behind it.
    pub layers: Vec<Vec<Message>>,
    /// Place of each tile, chip after chip, as the hardware file asks for it.
    pub places: Vec<u32>,
    /// Whom each tile exchanges how much with.
    partners: Partners,
}

/// What messages come to on an interconnect.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Load {
    /// Bytes sent.
    pub bytes: f64,
    /// Bytes times links passed.
    pub byte_hops: f64,
    /// Bytes times routers passed.
    pub router_bytes: f64,
    /// Bytes times pitches of tiles passed.
    pub link_bytes: f64,
    /// Bytes over each link, chip after chip.
    pub links: Vec<f64>,
    /// Most links that a message passes.
    pub most_hops: usize,
    /// Bytes that leave a chip for another: through the routers between their tiles and place 0 of either chip.
    pub between_chips: f64,
}

impl Load {
    /// Adds what others send.
    pub fn add(&mut self, other: &Self) {
        self.bytes += other.bytes;
        self.byte_hops += other.byte_hops;
        self.router_bytes += other.router_bytes;
        self.link_bytes += other.link_bytes;
        self.links.resize(self.links.len().max(other.links.len()), 0.0);
        for (a, b) in self.links.iter_mut().zip(&other.links) {
            *a += b;
        }
        self.most_hops = self.most_hops.max(other.most_hops);
        self.between_chips += other.between_chips;
    }

    /// The link that carries most, and its bytes.
    pub fn busiest(&self) -> Option<(usize, f64)> {
        let most = self.links.iter().copied().fold(0.0, f64::max);
        let link = self.links.iter().position(|&b| b >= most)?;
        (most > 0.0).then_some((link, most))
    }

    /// Time until all is there, in seconds: the flits of the busiest link one after the other, and the way of the
    /// last one.
    pub fn time_s(&self, hardware: &Hardware) -> f64 {
        let Some(interconnect) = hardware.interconnect() else { return 0.0 };
        let hierarchy = hardware.hierarchy();
        let bits = f64::from(hierarchy.link_bits);
        let flits = self.busiest().map_or(0.0, |(_, bytes)| (bytes * 8.0 / bits).ceil());
        let way = self.most_hops as f64 * f64::from(interconnect.carrying().router_cycles);
        (flits + way) / hierarchy.clock_hz
    }
}

impl Traffic {
    /// That of planned layers; `None` without `[interconnect]`, or where nobody knows how values go.
    pub(crate) fn of(
        shapes: &Shapes,
        layers: &[Option<LayerPlan>],
        crossbars: usize,
        hardware: &Hardware,
    ) -> Option<Self> {
        let interconnect = hardware.interconnect()?;
        if shapes.streams.is_empty() {
            return None;
        }
        let hierarchy = hardware.hierarchy();
        let a_tile = hierarchy.crossbars_per_macro * hierarchy.macros_per_tile;
        // a layer larger than the chip takes its crossbars again and again
        let tile = |crossbar: u32| (crossbar as usize % crossbars / a_tile) as u32;
        let layers = messages(shapes, layers, hardware.precision().input_bits, tile);
        let partners = Partners::new(layers.iter().flatten(), crossbars.div_ceil(a_tile), hierarchy.tiles);
        let places = partners.place(interconnect.carrying().placement, interconnect);
        Some(Self { layers, places, partners })
    }

    /// Place of each tile, chip after chip, as another placement has them.
    pub fn placed(&self, placement: Placement, hardware: &Hardware) -> Vec<u32> {
        match hardware.interconnect() {
            Some(interconnect) if interconnect.carrying().placement != placement => {
                self.partners.place(placement, interconnect)
            }
            _ => self.places.clone(),
        }
    }

    /// What the messages of one layer come to with tiles at `places`; `bytes` says what is sent of each.
    pub fn load(
        &self,
        layer: usize,
        places: &[u32],
        interconnect: &dyn InterconnectModel,
        bytes: impl Fn(&Message) -> f64,
    ) -> Load {
        let a_chip = interconnect.places();
        let chips = places.iter().max().map_or(0, |&p| p as usize / a_chip + 1);
        let mut load = Load { links: vec![0.0; chips * interconnect.links()], ..Load::default() };
        let mut links = Vec::new();
        for message in self.layers.get(layer).into_iter().flatten() {
            let bytes = bytes(message);
            if bytes <= 0.0 {
                continue;
            }
            let mut hops = 0;
            let (ways, count) = ways(places, message.from, message.to, a_chip);
            for &(chip, from, to) in &ways[..count] {
                links.clear();
                interconnect.way(from, to, &mut links);
                for &link in &links {
                    load.links[chip * interconnect.links() + link] += bytes;
                    load.link_bytes += bytes * interconnect.pitches(link);
                }
                hops += links.len();
                load.router_bytes += bytes * interconnect.routers(from, to) as f64;
            }
            if count > 1 {
                load.between_chips += bytes;
            }
            load.bytes += bytes;
            load.byte_hops += bytes * hops as f64;
            load.most_hops = load.most_hops.max(hops);
        }
        load
    }
}

/// The ways of a message: chip, from and to a place of it. Between two chips it leaves and enters at place 0.
fn ways(places: &[u32], from: u32, to: u32, a_chip: usize) -> ([(usize, usize, usize); 2], usize) {
    let split = |tile: u32| {
        let place = places[tile as usize] as usize;
        (place / a_chip, place % a_chip)
    };
    let (from, to) = (split(from), split(to));
    match from.0 == to.0 {
        true => ([(from.0, from.1, to.1), (0, 0, 0)], 1),
        false => ([(from.0, from.1, 0), (to.0, 0, to.1)], 2),
    }
}

/// Where the values of a layer's result live: ends of runs of values, and the tile of each; `None`: outside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Homes(Vec<(usize, Option<u32>)>);

impl Homes {
    fn push(&mut self, len: usize, tile: Option<u32>) {
        if len == 0 {
            return;
        }
        let end = self.len() + len;
        match self.0.last_mut() {
            Some(last) if last.1 == tile => last.0 = end,
            _ => self.0.push((end, tile)),
        }
    }

    fn len(&self) -> usize {
        self.0.last().map_or(0, |r| r.0)
    }

    /// The runs of a range of values: how many, and where.
    fn of(&self, range: Range<usize>) -> impl Iterator<Item = (usize, Option<u32>)> {
        let first = self.0.partition_point(|r| r.0 <= range.start);
        let mut at = range.start;
        self.0[first..].iter().map_while(move |&(end, tile)| {
            let len = end.min(range.end).saturating_sub(at);
            at += len;
            (len > 0).then_some((len, tile))
        })
    }

    /// Where the values of another shape live that are computed value by value, or channel by channel (a value of a
    /// channel where the one lives that is as far along it).
    fn carried(&self, from: &Shape, to: &Shape) -> Self {
        if self.len() == to.len() {
            return self.clone();
        }
        let channels = |shape: &Shape| shape.0.first().copied().unwrap_or(1).max(1);
        let pieces = if channels(from) == channels(to) { channels(to) } else { 1 };
        let (each_from, each_to) = (self.len() / pieces, to.len() / pieces);
        let mut homes = Self::default();
        for piece in 0..pieces {
            let (mut at, mut done) = (0, 0);
            for (len, tile) in self.of(piece * each_from..(piece + 1) * each_from) {
                at += len;
                let end = (at * each_to).div_ceil(each_from);
                homes.push(end - done, tile);
                done = end;
            }
        }
        homes
    }

    /// Several one after the other along an axis.
    fn joined(parts: &[(&Self, &Shape)], axis: usize) -> Self {
        let mut homes = Self::default();
        let pieces: usize = parts.first().map_or(0, |p| p.1.0[..axis].iter().product());
        for piece in 0..pieces {
            for (part, _) in parts {
                let len = part.len() / pieces;
                for (len, tile) in part.of(piece * len..(piece + 1) * len) {
                    homes.push(len, tile);
                }
            }
        }
        homes
    }
}

/// Messages by layer, those of the same ends and cargo as one.
type Collected = Vec<BTreeMap<(u32, u32, Cargo, u32), u64>>;

/// What the tiles of planned layers send each other. `tile` says where a crossbar is.
pub(crate) fn messages(
    shapes: &Shapes,
    layers: &[Option<LayerPlan>],
    value_bits: u32,
    tile: impl Fn(u32) -> u32,
) -> Vec<Vec<Message>> {
    let mut collected: Collected = vec![BTreeMap::new(); shapes.streams.len()];
    // by layer: where its values live, and which matrix layer they came out of last
    let mut results: Vec<(Homes, Option<usize>)> = Vec::with_capacity(shapes.streams.len());
    for (i, flow) in shapes.streams.iter().enumerate() {
        let outside = (Homes::default(), None);
        let inputs: Vec<&(Homes, Option<usize>)> = flow
            .inputs
            .iter()
            .map(|source| match source {
                Source::Input => &outside,
                Source::Layer(id) => results.get(id.0 as usize).unwrap_or(&outside),
            })
            .collect();
        let result = match (&flow.gather, &layers[i]) {
            (Some(gather), Some(plan)) => {
                if let Some((homes, _)) = inputs.first() {
                    fetch(&mut collected[i], plan, gather, homes, &tile);
                }
                (sum(&mut collected[i], plan, &tile), Some(i))
            }
            _ => digital(shapes, flow, &inputs, value_bits, &mut collected),
        };
        results.push(result);
    }
    let message = |((from, to, cargo, bits), values)| Message { from, to, cargo, values, bits };
    collected.into_iter().map(|layer| layer.into_iter().map(message).collect()).collect()
}

/// Tile of a copy of a block, given that of every crossbar that is placed.
fn tile_of(plan: &LayerPlan, block: &Block, copy: usize, tile: impl Fn(u32) -> u32) -> u32 {
    tile(plan.placed.start + (copy * plan.crossbars.len()) as u32 + block.crossbar - plan.crossbars.start)
}

/// Values that the tiles of a layer need and do not have.
fn fetch(
    sent: &mut BTreeMap<(u32, u32, Cargo, u32), u64>,
    plan: &LayerPlan,
    gather: &Gather,
    homes: &Homes,
    tile: impl Fn(u32) -> u32,
) {
    // by tile: copies that have a part there, and what they need
    let mut needed: BTreeMap<u32, (BTreeSet<usize>, Vec<Range<usize>>)> = BTreeMap::new();
    for copy in 0..plan.copies {
        for block in &plan.blocks {
            let range = match gather {
                Gather::Vector { .. } => block.rows.clone(),
                Gather::Window(window) => {
                    let taps = window.kernel[0] * window.kernel[1];
                    let plane = window.size[0] * window.size[1];
                    let first = block.group * window.channels / window.groups;
                    (first + block.rows.start / taps) * plane..(first + block.rows.end.div_ceil(taps)) * plane
                }
            };
            let needed = needed.entry(tile_of(plan, block, copy, &tile)).or_default();
            needed.0.insert(copy);
            if needed.1.last() != Some(&range) {
                needed.1.push(range);
            }
        }
    }
    // the part of its values that is in any window, and how many windows one is in at most: each is one copy's
    let (touched, reach) = match gather {
        Gather::Vector { .. } => (1.0, f64::INFINITY),
        Gather::Window(w) => {
            let axis = |d: usize| w.kernel[d] as f64 / w.stride[d] as f64;
            (axis(0).min(1.0) * axis(1).min(1.0), axis(0) * axis(1))
        }
    };
    for (to, (copies, mut ranges)) in needed {
        let share = match copies.len() == plan.copies {
            true => touched,
            false => (copies.len() as f64 * reach.max(touched) / plan.copies as f64).min(touched),
        };
        ranges.sort_unstable_by_key(|r| (r.start, r.end));
        let mut done = 0;
        let mut from_tile: BTreeMap<u32, usize> = BTreeMap::new();
        for range in ranges {
            for (len, from) in homes.of(range.start.max(done)..range.end.max(done)) {
                if let Some(from) = from.filter(|&from| from != to) {
                    *from_tile.entry(from).or_default() += len;
                }
            }
            done = done.max(range.end);
        }
        for (from, len) in from_tile {
            let values = (len as f64 * share).ceil() as u64;
            *sent.entry((from, to, Cargo::Values(Some(plan.id)), plan.input_bits)).or_default() += values;
        }
    }
}

/// Partial sums of a layer, and where its results live.
fn sum(
    sent: &mut BTreeMap<(u32, u32, Cargo, u32), u64>,
    plan: &LayerPlan,
    tile: impl Fn(u32) -> u32,
) -> Homes {
    // product of weight and input, and as many of them as there are rows, in whole bytes
    let bits = plan.weight_bits + plan.input_bits + usize::BITS - plan.k.leading_zeros();
    let bits = bits.next_multiple_of(8);
    // group and first output, in order: how many, and the blocks of their rows
    let mut outputs: BTreeMap<(usize, usize), (usize, Vec<&Block>)> = BTreeMap::new();
    for block in &plan.blocks {
        let of = outputs.entry((block.group, block.outputs.start)).or_default();
        of.0 = block.outputs.len();
        of.1.push(block);
    }
    // even shares, as if each copy took positions in a row
    let share = |copy: usize| {
        let end = |copies: usize| plan.positions * copies / plan.copies;
        end(copy + 1) - end(copy)
    };
    let mut homes = Homes::default();
    for (count, blocks) in outputs.into_values() {
        let mut of_copies = Vec::with_capacity(plan.copies);
        for copy in 0..plan.copies {
            let mut rows: BTreeMap<u32, usize> = BTreeMap::new();
            for block in &blocks {
                *rows.entry(tile_of(plan, block, copy, &tile)).or_default() += block.rows.len();
            }
            let most = rows.values().copied().max().unwrap_or(0);
            let Some(home) = rows.iter().find(|r| *r.1 == most).map(|r| *r.0) else { continue };
            for &from in rows.keys().filter(|&&from| from != home) {
                *sent.entry((from, home, Cargo::PartialSums, bits)).or_default() +=
                    (count * share(copy)) as u64;
            }
            of_copies.push((share(copy), home));
        }
        for _ in 0..count {
            for &(positions, home) in &of_copies {
                homes.push(positions, Some(home));
            }
        }
    }
    homes
}

/// What a digital layer's inputs are sent for, and where its result lives.
fn digital(
    shapes: &Shapes,
    flow: &Stream,
    inputs: &[&(Homes, Option<usize>)],
    value_bits: u32,
    collected: &mut Collected,
) -> (Homes, Option<usize>) {
    let shape_of = |source: &Source| match source {
        Source::Input => None,
        Source::Layer(id) => shapes.streams.get(id.0 as usize).map(|f| &f.shape),
    };
    let owner = inputs.iter().filter_map(|i| i.1).max();
    if let Some(axis) = flow.joins {
        // what comes from outside has no shape here, and is nowhere
        let outside = Shape(flow.shape.0.clone());
        let parts: Vec<_> =
            flow.inputs.iter().zip(inputs).map(|(s, i)| (&i.0, shape_of(s).unwrap_or(&outside))).collect();
        return (Homes::joined(&parts, axis), owner);
    }
    // the one that was finished last
    let main = (0..inputs.len()).max_by_key(|&i| match flow.inputs[i] {
        Source::Input => None,
        Source::Layer(id) => Some(id.0),
    });
    let Some(main) = main else { return (Homes::default(), None) };
    let homes = match shape_of(&flow.inputs[main]) {
        Some(from) => inputs[main].0.carried(from, &flow.shape),
        None => Homes::default(),
    };
    for (i, (other, _)) in inputs.iter().enumerate().filter(|(i, _)| *i != main) {
        let Some(owner) = owner else { continue };
        let seen = shapes
            .streams
            .iter()
            .zip(&shapes.layers)
            .position(|(f, (_, matrix))| matrix.is_some() && f.inputs.first() == Some(&flow.inputs[i]));
        let cargo = Cargo::Values(seen.map(|l| LayerId(l as u32)));
        let mut start = 0;
        for &(end, to) in &homes.0 {
            for (len, from) in other.of(start..end) {
                if let (Some(from), Some(to)) = (from, to)
                    && from != to
                {
                    *collected[owner].entry((from, to, cargo, value_bits)).or_default() += len as u64;
                }
            }
            start = end;
        }
    }
    (homes, owner)
}

#[cfg(test)]
mod tests;
