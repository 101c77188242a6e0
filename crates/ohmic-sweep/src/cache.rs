//! What was computed once, by content: one store for all stages of all points, bounded in bytes.
//!
//! A value's key is a hash of everything that it is computed from, so a value that is found is the value
//! that would be computed, and results do not depend on the budget, the order or the threads. Values that
//! points hold on to anyway (networks, data) stay; of the others, those that were used the longest ago
//! make room when the budget is full (encodings and calibrations later than cells).
//!
//! Threads that ask for a value that is being computed wait for it. They must not be threads of the pool
//! that computes it: those of the pool would wait for themselves.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// What values are kept for: they are counted by it, and it is part of their keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Networks as they were read.
    Network,
    /// Data sets as they were read.
    Data,
    /// Networks in integers.
    Integers,
    /// Images that the digital network puts into the right class.
    Reference,
    /// Weights as levels of cells.
    Encoding,
    /// Sums that converters meet on the calibration set.
    Calibration,
    /// Statistics of inputs and weights that predictions follow from.
    Statistics,
    /// Powers of rounding and clipping.
    Codes,
    /// Moments of the errors of cells.
    Moments,
    /// Programmed cells of one layer of one chip.
    Cells,
}

impl Stage {
    /// All of them, in the order of the work.
    pub const ALL: [Self; 10] = [
        Self::Network,
        Self::Data,
        Self::Integers,
        Self::Reference,
        Self::Encoding,
        Self::Calibration,
        Self::Statistics,
        Self::Codes,
        Self::Moments,
        Self::Cells,
    ];

    /// Its name: `cells`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Data => "data",
            Self::Integers => "integers",
            Self::Reference => "reference",
            Self::Encoding => "encoding",
            Self::Calibration => "calibration",
            Self::Statistics => "statistics",
            Self::Codes => "codes",
            Self::Moments => "moments",
            Self::Cells => "cells",
        }
    }

    /// Requests by which its values are kept longer than they would be by their age: they are few, and each
    /// costs as much as the cells of many layers.
    fn patience(self) -> u64 {
        match self {
            Self::Encoding | Self::Calibration | Self::Statistics => 1000,
            _ => 0,
        }
    }

    /// Whether points hold on to its values, so that dropping one would free nothing.
    fn is_held(self) -> bool {
        matches!(self, Self::Network | Self::Data | Self::Integers | Self::Reference)
    }
}

/// How often a stage's values were found and computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uses {
    /// Times that a value was there, or was waited for.
    pub found: usize,
    /// Times that it was computed.
    pub computed: usize,
    /// Values that were dropped to make room.
    pub dropped: usize,
}

type Shared = Arc<dyn Any + Send + Sync>;
type Key = [u8; 32];

/// The store.
pub(crate) struct Cache {
    budget: AtomicUsize,
    state: Mutex<State>,
    finished: Condvar,
}

#[derive(Default)]
struct State {
    slots: BTreeMap<Key, Slot>,
    /// Values that may be dropped, the one that was used the longest ago first.
    by_age: BTreeSet<(u64, Key)>,
    clock: u64,
    /// Bytes of the values that may be dropped, and of those that may not.
    droppable: usize,
    held: usize,
    most: usize,
    uses: [Uses; Stage::ALL.len()],
}

enum Slot {
    Computing(Arc<Mutex<Option<Shared>>>),
    There { value: Shared, bytes: usize, stage: Stage, used: u64 },
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("Cache")
            .field("values", &state.slots.len())
            .field("droppable", &state.droppable)
            .field("held", &state.held)
            .finish_non_exhaustive()
    }
}

impl Cache {
    /// A store that keeps at most `budget_bytes` of the values that may be dropped.
    pub(crate) fn new(budget_bytes: usize) -> Self {
        Self { budget: AtomicUsize::new(budget_bytes), state: Mutex::default(), finished: Condvar::new() }
    }

    /// Changes the budget; what is over it is dropped.
    pub(crate) fn set_budget(&self, budget_bytes: usize) {
        self.budget.store(budget_bytes, Ordering::Relaxed);
        self.lock().make_room(budget_bytes);
    }

    /// The value that `from` describes: everything that it depends on, in words. It is computed if it is
    /// not there; threads that ask for it meanwhile wait. `bytes` is what it takes in memory.
    ///
    /// # Errors
    /// What `compute` refuses; nothing is kept then.
    pub(crate) fn get<T: Any + Send + Sync>(
        &self,
        stage: Stage,
        from: &str,
        bytes: impl FnOnce(&T) -> usize,
        compute: impl FnOnce() -> Result<T, String>,
    ) -> Result<Arc<T>, String> {
        let key = key(stage, from);
        let mut state = self.lock();
        let flight = loop {
            match state.slots.get(&key) {
                None => break Arc::default(),
                Some(Slot::There { value, .. }) => {
                    let value = Arc::clone(value);
                    state.touch(&key);
                    state.uses[stage as usize].found += 1;
                    return Ok(typed(value));
                }
                Some(Slot::Computing(flight)) => {
                    let flight = Arc::clone(flight);
                    let is_running = |state: &State| match state.slots.get(&key) {
                        Some(Slot::Computing(now)) => Arc::ptr_eq(now, &flight),
                        _ => false,
                    };
                    while is_running(&state) {
                        state = self.finished.wait(state).unwrap_or_else(PoisonError::into_inner);
                    }
                    // it may have been dropped already; the one who computed it left it here as well
                    let value = lock(&flight).clone();
                    if let Some(value) = value {
                        state.uses[stage as usize].found += 1;
                        return Ok(typed(value));
                    }
                }
            }
        };
        state.slots.insert(key, Slot::Computing(Arc::clone(&flight)));
        drop(state);
        // whatever happens in `compute`, nobody waits for ever
        let running = Running { cache: self, key };
        let value = Arc::new(compute()?);
        let size = bytes(&value);
        *lock(&flight) = Some(Arc::clone(&value) as Shared);
        let mut state = self.lock();
        state.uses[stage as usize].computed += 1;
        state.keep(key, stage, Arc::clone(&value) as Shared, size, self.budget.load(Ordering::Relaxed));
        drop(state);
        drop(running);
        Ok(value)
    }

    /// How often each stage's values were found and computed.
    pub(crate) fn uses(&self) -> Vec<(Stage, Uses)> {
        let state = self.lock();
        Stage::ALL.iter().map(|&stage| (stage, state.uses[stage as usize])).collect()
    }

    /// Bytes of the values that points hold on to.
    pub(crate) fn held_bytes(&self) -> usize {
        self.lock().held
    }

    /// The most bytes that values which may be dropped took at one time.
    pub(crate) fn most_bytes(&self) -> usize {
        self.lock().most
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

/// A value that is being computed; when this goes, by the end, an error or a panic, those who wait go on.
struct Running<'a> {
    cache: &'a Cache,
    key: Key,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut state = self.cache.lock();
        if matches!(state.slots.get(&self.key), Some(Slot::Computing(_))) {
            state.slots.remove(&self.key);
        }
        drop(state);
        self.cache.finished.notify_all();
    }
}

impl State {
    fn touch(&mut self, key: &Key) {
        self.clock += 1;
        let now = self.clock;
        if let Some(Slot::There { used, stage, .. }) = self.slots.get_mut(key)
            && !stage.is_held()
        {
            self.by_age.remove(&(*used, *key));
            *used = now + stage.patience();
            self.by_age.insert((*used, *key));
        }
    }

    fn keep(&mut self, key: Key, stage: Stage, value: Shared, bytes: usize, budget: usize) {
        self.clock += 1;
        let used = self.clock + stage.patience();
        self.slots.insert(key, Slot::There { value, bytes, stage, used });
        if stage.is_held() {
            self.held += bytes;
            return;
        }
        self.by_age.insert((used, key));
        self.droppable += bytes;
        self.make_room(budget);
        self.most = self.most.max(self.droppable);
    }

    fn make_room(&mut self, budget: usize) {
        while self.droppable > budget
            && let Some((_, key)) = self.by_age.pop_first()
        {
            if let Some(Slot::There { bytes, stage, .. }) = self.slots.remove(&key) {
                self.droppable -= bytes;
                self.uses[stage as usize].dropped += 1;
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn key(stage: Stage, from: &str) -> Key {
    let mut hash = blake3::Hasher::new();
    hash.update(stage.name().as_bytes()).update(&[0]).update(from.as_bytes());
    hash.finalize().into()
}

fn typed<T: Any + Send + Sync>(value: Shared) -> Arc<T> {
    // the stage is part of the key, and each stage has values of one type
    value.downcast().unwrap_or_else(|_| panic!("a stage has values of one type"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;

    fn get(cache: &Cache, name: &str) -> usize {
        let length = |text: &String| text.len();
        cache.get(Stage::Cells, name, length, || Ok(name.to_owned())).map_or(0, |text| text.len())
    }

    fn uses(cache: &Cache, stage: Stage) -> (usize, usize, usize) {
        let uses = cache.uses().into_iter().find(|(s, _)| *s == stage).map(|(_, uses)| uses);
        uses.map_or((0, 0, 0), |u| (u.found, u.computed, u.dropped))
    }

    #[test]
    fn the_longest_unused_makes_room() {
        let cache = Cache::new(6);
        get(&cache, "aa");
        get(&cache, "bb");
        get(&cache, "cc");
        get(&cache, "aa");
        // 8 bytes: `bb` was used the longest ago
        get(&cache, "dd");
        assert_eq!(uses(&cache, Stage::Cells), (1, 4, 1));
        get(&cache, "aa");
        get(&cache, "cc");
        get(&cache, "dd");
        assert_eq!(uses(&cache, Stage::Cells), (4, 4, 1));
        get(&cache, "bb");
        assert_eq!(uses(&cache, Stage::Cells), (4, 5, 2));
        assert!(cache.most_bytes() <= 6);
        // what alone is over the budget is not kept
        get(&cache, "seven b");
        assert_eq!(cache.lock().droppable, 0);
        cache.set_budget(0);
        assert_eq!(get(&cache, "aa"), 2);
        assert_eq!(cache.lock().droppable, 0);
    }

    #[test]
    fn what_points_hold_stays() {
        let cache = Cache::new(0);
        for _ in 0..2 {
            let value = cache.get(Stage::Network, "n", |_: &u8| 100, || Ok(7u8));
            assert_eq!(value.as_deref(), Ok(&7));
        }
        assert_eq!((uses(&cache, Stage::Network), cache.held_bytes()), ((1, 1, 0), 100));
    }

    #[test]
    fn stages_do_not_share_names() {
        let cache = Cache::new(100);
        let one = cache.get(Stage::Cells, "n", |_: &u8| 1, || Ok(1u8));
        let two = cache.get(Stage::Encoding, "n", |_: &u16| 1, || Ok(2u16));
        assert_eq!((one.as_deref(), two.as_deref()), (Ok(&1), Ok(&2)));
    }

    #[test]
    fn computed_once_by_threads_that_ask_at_once() {
        // with budget 0 too: those who wait get it from the one who computed it
        for budget in [0, 100] {
            let (cache, barrier, computed) = (Cache::new(budget), Barrier::new(4), AtomicUsize::new(0));
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        barrier.wait();
                        let slow = || {
                            computed.fetch_add(1, Ordering::Relaxed);
                            std::thread::sleep(std::time::Duration::from_millis(200));
                            Ok(5u64)
                        };
                        let value = cache.get(Stage::Cells, "slow", |_| 8, slow);
                        assert_eq!(value.as_deref(), Ok(&5));
                    });
                }
            });
            assert_eq!(computed.load(Ordering::Relaxed), 1, "budget {budget}");
        }
    }

    #[test]
    fn errors_and_panics_leave_nothing_and_nobody_behind() {
        let cache = Cache::new(100);
        let wrong = cache.get(Stage::Cells, "n", |_: &u8| 1, || Err("no".to_owned()));
        assert_eq!(wrong.err(), Some("no".to_owned()));
        let barrier = Barrier::new(2);
        std::thread::scope(|scope| {
            let panics = scope.spawn(|| {
                cache.get(
                    Stage::Cells,
                    "n",
                    |_: &u8| 1,
                    || {
                        barrier.wait();
                        std::thread::sleep(std::time::Duration::from_millis(50));
                        panic!("on purpose");
                    },
                )
            });
            barrier.wait();
            let value = cache.get(Stage::Cells, "n", |_: &u8| 1, || Ok(3u8));
            assert_eq!(value.as_deref(), Ok(&3));
            assert!(panics.join().is_err());
        });
    }
}
