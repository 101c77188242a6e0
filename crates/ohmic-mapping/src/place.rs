//! Which tile stands where: places of the interconnect such that bytes times links are few.
//!
//! A quadratic assignment: no method is known that finds the best of many tiles in reasonable time. `least_traffic`
//! starts from the order, from the snake and from a greedy placement, exchanges what stands in two places as long as
//! that gains, and keeps the best of the three; so it is never worse than the other two. All in integers (bits times
//! links), no random numbers. Zeros count as sent: where a tile stands does not depend on data.

use crate::traffic::Message;
use ohmic_hardware::{InterconnectModel, Placement};
use std::collections::BTreeMap;

/// Whom each tile exchanges bits with.
#[derive(Clone, Debug)]
pub(crate) struct Partners {
    /// By tile: other tile and bits in both directions.
    of: Vec<Vec<(u32, u64)>>,
    /// Tiles of a chip.
    tiles_per_chip: usize,
}

impl Partners {
    /// Those of `tiles` tiles that send each other these messages.
    pub(crate) fn new<'a>(
        messages: impl IntoIterator<Item = &'a Message>,
        tiles: usize,
        tiles_per_chip: usize,
    ) -> Self {
        let mut bits: BTreeMap<(u32, u32), u64> = BTreeMap::new();
        for message in messages {
            let volume = message.values * u64::from(message.bits);
            *bits.entry((message.from, message.to)).or_default() += volume;
            *bits.entry((message.to, message.from)).or_default() += volume;
        }
        let mut of = vec![Vec::new(); tiles];
        for ((from, to), bits) in bits {
            of[from as usize].push((to, bits));
        }
        Self { of, tiles_per_chip }
    }

    fn chip(&self, tile: usize) -> usize {
        tile / self.tiles_per_chip
    }

    /// Bits times links of what a tile exchanges, if it stands at `place`; `but` is not counted.
    fn cost_of(&self, tile: usize, place: u32, places: &[u32], on: &On<'_>, but: Option<usize>) -> u64 {
        self.of[tile]
            .iter()
            .filter(|(other, _)| Some(*other as usize) != but && places[*other as usize] != NOWHERE)
            .map(|&(other, bits)| bits * on.hops(place, places[other as usize]))
            .sum()
    }

    /// Bits times links of all.
    fn cost_on(&self, places: &[u32], on: &On<'_>) -> u64 {
        (0..self.of.len()).map(|t| self.cost_of(t, places[t], places, on, None)).sum::<u64>() / 2
    }

    /// The same, of an interconnect.
    #[cfg(test)]
    pub(crate) fn cost(&self, places: &[u32], interconnect: &dyn InterconnectModel) -> u64 {
        self.cost_on(places, &On::new(interconnect))
    }

    /// Places, chip after chip, as a placement has them.
    pub(crate) fn place(&self, placement: Placement, interconnect: &dyn InterconnectModel) -> Vec<u32> {
        let on = On::new(interconnect);
        let order: Vec<usize> = (0..interconnect.places()).collect();
        match placement {
            Placement::Order => self.along(&order, &on),
            Placement::Snake => self.along(&interconnect.snake(), &on),
            Placement::LeastTraffic => {
                let starts =
                    [self.along(&order, &on), self.along(&interconnect.snake(), &on), self.greedy(&on)];
                let found = starts.into_iter().map(|mut places| {
                    self.exchange(&mut places, &on);
                    (self.cost_on(&places, &on), places)
                });
                // the first of equals
                found.min_by_key(|f| f.0).map(|f| f.1).unwrap_or_default()
            }
        }
    }

    /// Tiles one after the other along a line of places, chip by chip.
    fn along(&self, line: &[usize], on: &On<'_>) -> Vec<u32> {
        let place = |t: usize| self.chip(t) * on.one.places() + line[t % self.tiles_per_chip];
        (0..self.of.len()).map(|t| place(t) as u32).collect()
    }

    /// Places that tiles of a chip may move to: not many more than there are tiles, the nearest to place 0.
    fn candidates(&self, on: &On<'_>) -> Vec<u32> {
        let mut places: Vec<usize> = (0..on.one.places()).collect();
        let most = 4 * self.of.len().min(self.tiles_per_chip) + 64;
        if places.len() > most {
            let order = places[..self.tiles_per_chip.min(self.of.len())].to_vec();
            let snake = on.one.snake()[..order.len()].to_vec();
            places.sort_by_key(|&p| (on.one.hops(0, p), p));
            places.truncate(most);
            places.extend(order.into_iter().chain(snake));
            places.sort_unstable();
            places.dedup();
        }
        places.into_iter().map(|p| p as u32).collect()
    }

    /// The tile that exchanges most with those placed, to where that costs least; until all are placed.
    fn greedy(&self, on: &On<'_>) -> Vec<u32> {
        let candidates = self.candidates(on);
        let mut places = vec![NOWHERE; self.of.len()];
        let chips = self.of.len().div_ceil(self.tiles_per_chip);
        let mut free = vec![candidates; chips];
        let mut bound = vec![0u64; self.of.len()];
        for _ in 0..self.of.len() {
            let unplaced = (0..places.len()).filter(|&t| places[t] == NOWHERE);
            let Some(tile) = unplaced.max_by_key(|&t| (bound[t], std::cmp::Reverse(t))) else { break };
            let (chip, base) = (self.chip(tile), self.chip(tile) * on.one.places());
            let at = |p: u32| base as u32 + p;
            let cost = |p: u32| self.cost_of(tile, at(p), &places, on, None);
            let Some((i, place)) =
                free[chip].iter().enumerate().min_by_key(|(_, p)| cost(**p)).map(|(i, p)| (i, *p))
            else {
                break;
            };
            free[chip].remove(i);
            places[tile] = at(place);
            for &(other, bits) in &self.of[tile] {
                bound[other as usize] += bits;
            }
        }
        places
    }

    /// Exchanges what stands in two places of a chip, as long as that gains.
    fn exchange(&self, places: &mut [u32], on: &On<'_>) {
        let a_chip = on.one.places() as u32;
        let candidates = self.candidates(on);
        let mut taken: BTreeMap<u32, usize> = places.iter().enumerate().map(|(t, &p)| (p, t)).collect();
        let mut gained = true;
        while gained {
            gained = false;
            for tile in 0..places.len() {
                let base = self.chip(tile) as u32 * a_chip;
                for place in candidates.iter().map(|p| base + p) {
                    let from = places[tile];
                    if place == from {
                        continue;
                    }
                    let other = taken.get(&place).copied();
                    // each pair once
                    if other.is_some_and(|o| o < tile) {
                        continue;
                    }
                    let now = self.cost_of(tile, from, places, on, other)
                        + other.map_or(0, |o| self.cost_of(o, place, places, on, Some(tile)));
                    let then = self.cost_of(tile, place, places, on, other)
                        + other.map_or(0, |o| self.cost_of(o, from, places, on, Some(tile)));
                    if then < now {
                        places[tile] = place;
                        taken.insert(place, tile);
                        match other {
                            Some(other) => {
                                places[other] = from;
                                taken.insert(from, other);
                            }
                            None => {
                                taken.remove(&from);
                            }
                        }
                        gained = true;
                    }
                }
            }
        }
    }
}

/// A tile that is not placed yet.
const NOWHERE: u32 = u32::MAX;

/// Places up to which all distances are kept.
const MOST_KEPT: usize = 2048;

/// An interconnect on every chip.
struct On<'a> {
    one: &'a dyn InterconnectModel,
    each: usize,
    /// Links between any two places of a chip, if there are not too many.
    kept: Vec<u16>,
}

impl<'a> On<'a> {
    fn new(one: &'a dyn InterconnectModel) -> Self {
        let each = one.places();
        let kept = match each <= MOST_KEPT {
            // a way has at most as many links as there are places twice over
            true => (0..each * each).map(|i| one.hops(i / each, i % each) as u16).collect(),
            false => Vec::new(),
        };
        Self { one, each, kept }
    }

    fn within(&self, a: usize, b: usize) -> usize {
        match self.kept.get(a * self.each + b) {
            Some(&hops) => usize::from(hops),
            None => self.one.hops(a, b),
        }
    }

    /// Links between two places; between chips, by place 0 of both.
    fn hops(&self, a: u32, b: u32) -> u64 {
        let (a, b, each) = (a as usize, b as usize, self.each);
        let hops = if a < each && b < each {
            self.within(a, b)
        } else if a / each == b / each {
            self.within(a % each, b % each)
        } else {
            self.within(a % each, 0) + self.within(0, b % each)
        };
        hops as u64
    }
}

#[cfg(test)]
mod tests;
