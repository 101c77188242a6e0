//! Float sums for the digital layers: convolutions without a gathered matrix, and products with a matrix
//! that is too large to be packed anew for every batch.
//!
//! Every result is one chain of additions in a fixed order, so it depends neither on the batch nor on how
//! a layer is cut. AVX2 and AVX-512 round once a multiply-add, the plain form twice.

use super::{Level, level};

/// Outputs whose weights lie together.
const PANEL: usize = 8;
/// Positions that are computed together at least: reads go up to the next multiple.
const LANES: usize = 16;

/// Weights `outputs × k`, packed by eight outputs for [`PanelsF32::sums`].
#[derive(Clone, Debug)]
pub struct PanelsF32 {
    data: Vec<f32>,
    outputs: usize,
    k: usize,
}

/// What sums begin with.
#[derive(Clone, Copy, Debug)]
pub enum Begin<'a> {
    /// One value an output, over all outputs; empty: 0.
    With(&'a [f32]),
    /// What is there.
    Kept,
}

/// Rows of inputs: row `r` holds the values `values[starts[r]..]`, one a position.
#[derive(Clone, Copy, Debug)]
pub struct InputRows<'a> {
    /// The values of all rows; rows may overlap.
    pub values: &'a [f32],
    /// Where each row starts.
    pub starts: &'a [usize],
    /// Positions of a row. Up to 15 values more are read, and have no meaning.
    pub count: usize,
}

impl PanelsF32 {
    /// Packs weights given output by output.
    ///
    /// # Panics
    /// `weights.len() == outputs * k`.
    pub fn pack(weights: &[f32], outputs: usize, k: usize) -> Self {
        assert_eq!(weights.len(), outputs * k, "weights of {outputs} outputs");
        let mut data = vec![0.0; weights.len()];
        for (panel, source) in data.chunks_mut(PANEL * k).zip(weights.chunks(PANEL * k)) {
            let rows = source.len() / k.max(1);
            for (i, row) in source.chunks_exact(k.max(1)).enumerate() {
                panel[i..].iter_mut().step_by(rows).zip(row).for_each(|(t, &w)| *t = w);
            }
        }
        Self { data, outputs, k }
    }

    /// Number of panels: outputs by eights.
    pub fn panels(&self) -> usize {
        self.outputs.div_ceil(PANEL)
    }

    /// Outputs of one panel.
    pub fn outputs_of(&self, panel: usize) -> std::ops::Range<usize> {
        panel * PANEL..self.outputs.min((panel + 1) * PANEL)
    }

    /// `out[i][p] = begin + sum_r w[output i][first + r] · x[r][p]` for the outputs of one panel and all
    /// positions; output `i` of the panel starts at `i · pitch`.
    ///
    /// # Panics
    /// Rows lie in their values, positions rounded up to 16 included; `first` and the rows in the weights;
    /// the outputs in `out`; a bias, if there is one, has a value for each output.
    pub fn sums(
        &self,
        panel: usize,
        first: usize,
        x: InputRows<'_>,
        begin: Begin<'_>,
        out: &mut [f32],
        pitch: usize,
    ) {
        self.sums_at(level(), panel, first, x, begin, out, pitch);
    }

    fn sums_at(
        &self,
        level: Level,
        panel: usize,
        first: usize,
        x: InputRows<'_>,
        begin: Begin<'_>,
        out: &mut [f32],
        pitch: usize,
    ) {
        let outputs = self.outputs_of(panel);
        let rows = outputs.len();
        if rows == 0 || x.count == 0 {
            return;
        }
        let reach = x.starts.iter().max().map_or(0, |s| s + x.count.next_multiple_of(LANES));
        assert!(reach <= x.values.len(), "rows reach {reach} of {} values", x.values.len());
        assert!(first + x.starts.len() <= self.k, "rows {first}.. of {}", self.k);
        assert!(x.count <= pitch && (rows - 1) * pitch + x.count <= out.len(), "outputs every {pitch}");
        let mut bias = [0.0; PANEL];
        let begin = match begin {
            Begin::With(values) => {
                if !values.is_empty() {
                    bias[..rows].copy_from_slice(&values[outputs.clone()]);
                }
                Some(&bias)
            }
            Begin::Kept => None,
        };
        let weights = &self.data[outputs.start * self.k + first * rows..][..x.starts.len() * rows];
        #[cfg(target_arch = "x86_64")]
        match level {
            // SAFETY: the level is one of this machine; rows, weights and outputs as asserted above.
            Level::Avx512 => return unsafe { x86::panel512(weights, rows, x, begin, out, pitch) },
            // SAFETY: as above.
            Level::Avx2 => return unsafe { x86::panel256(weights, rows, x, begin, out, pitch) },
            Level::Scalar | Level::Neon => {}
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = level;
        for i in 0..rows {
            let out = &mut out[i * pitch..][..x.count];
            if let Some(bias) = begin {
                out.fill(bias[i]);
            }
            for (weights, &start) in weights.chunks_exact(rows).zip(x.starts) {
                let w = weights[i];
                out.iter_mut().zip(&x.values[start..]).for_each(|(o, x)| *o += w * x);
            }
        }
    }
}

/// Inputs of a product that are added up before the next ones: what keeps both operands in cache.
const CHUNK: usize = 2048;

/// `out[s][o] = bias[o] + sum_i x[s][i] · w[o][i]` for samples `x` (`samples × k`) and weights as stored
/// (`outputs × k`); an empty bias is 0.
///
/// # Panics
/// Lengths are `samples · k`, `outputs · k`, `outputs` or 0, and `samples · outputs`.
pub fn dots_f32(x: &[f32], weights: &[f32], bias: &[f32], k: usize, out: &mut [f32]) {
    dots_at(level(), x, weights, bias, k, out);
}

fn dots_at(level: Level, x: &[f32], weights: &[f32], bias: &[f32], k: usize, out: &mut [f32]) {
    let (samples, outputs) = (x.len() / k, weights.len() / k);
    assert_eq!(
        (samples * k, outputs * k, samples * outputs),
        (x.len(), weights.len(), out.len()),
        "products"
    );
    if bias.is_empty() {
        out.fill(0.0);
    } else {
        out.chunks_exact_mut(outputs).for_each(|row| row.copy_from_slice(bias));
    }
    for first in (0..k).step_by(CHUNK) {
        let len = CHUNK.min(k - first);
        #[cfg(target_arch = "x86_64")]
        match level {
            Level::Avx512 => {
                // SAFETY: the level is one of this machine; the chunk lies within rows of `k` values.
                unsafe { x86::dots512(&x[first..], &weights[first..], k, len, out, [samples, outputs]) };
                continue;
            }
            Level::Avx2 => {
                // SAFETY: as above.
                unsafe { x86::dots256(&x[first..], &weights[first..], k, len, out, [samples, outputs]) };
                continue;
            }
            Level::Scalar | Level::Neon => {}
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = level;
        for (x, out) in x.chunks_exact(k).zip(out.chunks_exact_mut(outputs)) {
            for (weights, out) in weights.chunks_exact(k).zip(out) {
                let mut sums = [0.0f32; LANES];
                let (x, w) = (&x[first..first + len], &weights[first..first + len]);
                for (x, w) in x.chunks(LANES).zip(w.chunks(LANES)) {
                    sums.iter_mut().zip(x.iter().zip(w)).for_each(|(s, (x, w))| *s += x * w);
                }
                *out += sums.iter().sum::<f32>();
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{InputRows, PANEL};
    use std::arch::x86_64::*;

    /// One panel, three vectors of positions at a time.
    ///
    /// # Safety
    /// AVX-512 F; what [`super::PanelsF32::sums`] asserts.
    #[target_feature(enable = "avx512f")]
    pub(super) unsafe fn panel512(
        weights: &[f32],
        rows: usize,
        x: InputRows<'_>,
        begin: Option<&[f32; PANEL]>,
        out: &mut [f32],
        pitch: usize,
    ) {
        let mut at = 0;
        while at < x.count {
            let left = (x.count - at).div_ceil(16);
            // four are two and two: the second pair would else wait alone
            let vectors = if left == 4 { 2 } else { left.min(3) };
            let inside = x.count - at - 16 * (vectors - 1);
            let last = if inside >= 16 { u16::MAX } else { (1 << inside) - 1 };
            // SAFETY: positions up to the next 16 can be read, `last` keeps writes inside.
            unsafe {
                let (from, to) = (x.values.as_ptr().add(at), out.as_mut_ptr().add(at));
                macro_rules! tiles {
                    ($($m:literal)*) => {
                        match (rows, vectors) {
                            $(($m, 1) => tile512::<$m, 1>(weights, from, x.starts, begin, to, pitch, last),
                            ($m, 2) => tile512::<$m, 2>(weights, from, x.starts, begin, to, pitch, last),
                            ($m, _) => tile512::<$m, 3>(weights, from, x.starts, begin, to, pitch, last),)*
                            _ => unreachable!("panels have 1 to 8 outputs"),
                        }
                    };
                }
                tiles!(1 2 3 4 5 6 7 8);
            }
            at += 16 * vectors;
        }
    }

    /// # Safety
    /// AVX-512 F; `16 · J` values behind every start, `M` rows of outputs, the last vector cut by `last`.
    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn tile512<const M: usize, const J: usize>(
        weights: &[f32],
        x: *const f32,
        starts: &[usize],
        begin: Option<&[f32; PANEL]>,
        out: *mut f32,
        pitch: usize,
        last: u16,
    ) {
        let mask = |j| if j == J - 1 { last } else { u16::MAX };
        let mut sums = [[_mm512_setzero_ps(); J]; M];
        // SAFETY: see above; `weights` holds `M` values for each start.
        unsafe {
            for i in 0..M {
                for j in 0..J {
                    sums[i][j] = match begin {
                        Some(bias) => _mm512_set1_ps(bias[i]),
                        None => _mm512_maskz_loadu_ps(mask(j), out.add(i * pitch + 16 * j)),
                    };
                }
            }
            let mut w = weights.as_ptr();
            for &start in starts {
                let x: [__m512; J] = std::array::from_fn(|j| _mm512_loadu_ps(x.add(start + 16 * j)));
                for i in 0..M {
                    let w = _mm512_set1_ps(*w.add(i));
                    for j in 0..J {
                        sums[i][j] = _mm512_fmadd_ps(w, x[j], sums[i][j]);
                    }
                }
                w = w.add(M);
            }
            for i in 0..M {
                for j in 0..J {
                    _mm512_mask_storeu_ps(out.add(i * pitch + 16 * j), mask(j), sums[i][j]);
                }
            }
        }
    }

    /// One panel, four outputs by two vectors of eight positions at a time.
    ///
    /// # Safety
    /// AVX2 and FMA; what [`super::PanelsF32::sums`] asserts.
    #[target_feature(enable = "avx2,fma")]
    pub(super) unsafe fn panel256(
        weights: &[f32],
        rows: usize,
        x: InputRows<'_>,
        begin: Option<&[f32; PANEL]>,
        out: &mut [f32],
        pitch: usize,
    ) {
        for at in (0..x.count).step_by(16) {
            let inside = (x.count - at).min(16);
            let mut row = 0;
            while row < rows {
                // SAFETY: 16 positions can be read from every start, and the tile writes `inside` of them.
                unsafe {
                    let from = x.values.as_ptr().add(at);
                    let to = out.as_mut_ptr().add(row * pitch + at);
                    let w = weights.as_ptr().add(row);
                    let bias = begin.map(|b| &b[row..]);
                    macro_rules! tile {
                        ($m:literal) => {{
                            tile256::<$m>(w, rows, from, x.starts, bias, to, pitch, inside);
                            row += $m;
                        }};
                    }
                    match rows - row {
                        4.. => tile!(4),
                        2..4 => tile!(2),
                        _ => tile!(1),
                    }
                }
            }
        }
    }

    /// # Safety
    /// AVX2 and FMA; 16 values behind every start, `M` rows of `inside` outputs, `M` weights every `step`.
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn tile256<const M: usize>(
        mut w: *const f32,
        step: usize,
        x: *const f32,
        starts: &[usize],
        begin: Option<&[f32]>,
        out: *mut f32,
        pitch: usize,
        inside: usize,
    ) {
        // SAFETY: see above.
        unsafe {
            let mut sums = [[_mm256_setzero_ps(); 2]; M];
            let mut part = [0f32; 16];
            for i in 0..M {
                match begin {
                    Some(bias) => sums[i] = [_mm256_set1_ps(bias[i]); 2],
                    None => {
                        std::ptr::copy_nonoverlapping(out.add(i * pitch), part.as_mut_ptr(), inside);
                        sums[i] = [_mm256_loadu_ps(part.as_ptr()), _mm256_loadu_ps(part.as_ptr().add(8))];
                    }
                }
            }
            for &start in starts {
                let x = [_mm256_loadu_ps(x.add(start)), _mm256_loadu_ps(x.add(start + 8))];
                for i in 0..M {
                    let w = _mm256_set1_ps(*w.add(i));
                    for j in 0..2 {
                        sums[i][j] = _mm256_fmadd_ps(w, x[j], sums[i][j]);
                    }
                }
                w = w.wrapping_add(step);
            }
            for i in 0..M {
                _mm256_storeu_ps(part.as_mut_ptr(), sums[i][0]);
                _mm256_storeu_ps(part.as_mut_ptr().add(8), sums[i][1]);
                std::ptr::copy_nonoverlapping(part.as_ptr(), out.add(i * pitch), inside);
            }
        }
    }

    /// Cuts samples by outputs into tiles.
    macro_rules! dots {
        ($name:ident, $features:literal, $tile:ident, $side:literal) => {
            /// Adds the products of one chunk of inputs.
            ///
            /// # Safety
            /// The instruction set; `samples` rows of `x` and `outputs` rows of weights every `k` values,
            /// `len` of each inside; `out` is `samples × outputs`.
            #[target_feature(enable = $features)]
            pub(super) unsafe fn $name(
                x: &[f32],
                weights: &[f32],
                k: usize,
                len: usize,
                out: &mut [f32],
                [samples, outputs]: [usize; 2],
            ) {
                let mut o = 0;
                while o < outputs {
                    let wide = outputs - o >= $side;
                    let mut s = 0;
                    while s < samples {
                        let tall = samples - s >= $side;
                        // SAFETY: the tile's samples and outputs exist; see the caller.
                        unsafe {
                            let (x, w) = (x.as_ptr().add(s * k), weights.as_ptr().add(o * k));
                            let out = out.as_mut_ptr().add(s * outputs + o);
                            match (tall, wide) {
                                (true, true) => $tile::<$side, $side>(x, w, k, len, out, outputs),
                                (true, false) => $tile::<$side, 1>(x, w, k, len, out, outputs),
                                (false, true) => $tile::<1, $side>(x, w, k, len, out, outputs),
                                (false, false) => $tile::<1, 1>(x, w, k, len, out, outputs),
                            }
                        }
                        s += if tall { $side } else { 1 };
                    }
                    o += if wide { $side } else { 1 };
                }
            }
        };
    }
    dots!(dots512, "avx512f", dot_tile512, 4);
    dots!(dots256, "avx2,fma", dot_tile256, 2);

    /// # Safety
    /// AVX-512 F; `B` rows of `x` and `N` of `w` every `k` values, `len` inside.
    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn dot_tile512<const B: usize, const N: usize>(
        x: *const f32,
        w: *const f32,
        k: usize,
        len: usize,
        out: *mut f32,
        outputs: usize,
    ) {
        // SAFETY: see above.
        unsafe {
            let mut sums = [[_mm512_setzero_ps(); N]; B];
            let mut at = 0;
            while at < len {
                let mask = if len - at >= 16 { u16::MAX } else { (1 << (len - at)) - 1 };
                let w: [__m512; N] = std::array::from_fn(|j| _mm512_maskz_loadu_ps(mask, w.add(j * k + at)));
                for i in 0..B {
                    let x = _mm512_maskz_loadu_ps(mask, x.add(i * k + at));
                    for j in 0..N {
                        sums[i][j] = _mm512_fmadd_ps(x, w[j], sums[i][j]);
                    }
                }
                at += 16;
            }
            for i in 0..B {
                for j in 0..N {
                    let mut lanes = [0f32; 16];
                    _mm512_storeu_ps(lanes.as_mut_ptr(), sums[i][j]);
                    *out.add(i * outputs + j) += fold(&lanes);
                }
            }
        }
    }

    /// # Safety
    /// AVX2 and FMA; as [`dot_tile512`].
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn dot_tile256<const B: usize, const N: usize>(
        x: *const f32,
        w: *const f32,
        k: usize,
        len: usize,
        out: *mut f32,
        outputs: usize,
    ) {
        // SAFETY: see above.
        unsafe {
            let mut sums = [[[_mm256_setzero_ps(); 2]; N]; B];
            let whole = len / 16 * 16;
            for at in (0..whole).step_by(16) {
                for h in 0..2 {
                    let w: [__m256; N] = std::array::from_fn(|j| _mm256_loadu_ps(w.add(j * k + at + 8 * h)));
                    for i in 0..B {
                        let x = _mm256_loadu_ps(x.add(i * k + at + 8 * h));
                        for j in 0..N {
                            sums[i][j][h] = _mm256_fmadd_ps(x, w[j], sums[i][j][h]);
                        }
                    }
                }
            }
            for i in 0..B {
                for j in 0..N {
                    let mut lanes = [0f32; 16];
                    _mm256_storeu_ps(lanes.as_mut_ptr(), sums[i][j][0]);
                    _mm256_storeu_ps(lanes.as_mut_ptr().add(8), sums[i][j][1]);
                    for at in whole..len {
                        let lane = &mut lanes[at - whole];
                        *lane = (*x.add(i * k + at)).mul_add(*w.add(j * k + at), *lane);
                    }
                    *out.add(i * outputs + j) += fold(&lanes);
                }
            }
        }
    }

    /// The sum of 16 lanes, halves onto halves.
    #[inline(always)]
    fn fold(lanes: &[f32; 16]) -> f32 {
        let eight: [f32; 8] = std::array::from_fn(|i| lanes[i] + lanes[i + 8]);
        let four: [f32; 4] = std::array::from_fn(|i| eight[i] + eight[i + 4]);
        (four[0] + four[2]) + (four[1] + four[3])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(i: usize) -> f32 {
        (i * 7919 % 211) as f32 / 100.0 - 1.05
    }

    /// Sums in `f64`, term by term; all sizes around the edges of tiles.
    #[test]
    fn panels_are_sums_of_products() {
        for (outputs, k, count) in
            [(1, 1, 1), (3, 7, 15), (8, 5, 16), (9, 12, 33), (21, 40, 64), (6, 25, 112)]
        {
            let weights: Vec<f32> = (0..outputs * k).map(value).collect();
            let bias: Vec<f32> = (0..outputs).map(|i| value(i + 3)).collect();
            // rows overlap, as those of a convolution do
            let starts: Vec<usize> = (0..k).map(|r| r * 5 % 37).collect();
            let values: Vec<f32> = (0..37 + count + 16).map(|i| value(i + 11)).collect();
            let packed = PanelsF32::pack(&weights, outputs, k);
            let mut bits = Vec::new();
            for level in Level::available() {
                let pitch = count + 3;
                let mut out = vec![f32::NAN; outputs * pitch];
                for panel in 0..packed.panels() {
                    let target = &mut out[packed.outputs_of(panel).start * pitch..];
                    // in two parts: the second goes on from what the first left
                    let (head, tail) = starts.split_at(k / 2);
                    let x = InputRows { values: &values, starts: head, count };
                    packed.sums_at(level, panel, 0, x, Begin::With(&bias), target, pitch);
                    let x = InputRows { starts: tail, ..x };
                    packed.sums_at(level, panel, k / 2, x, Begin::Kept, target, pitch);
                }
                for o in 0..outputs {
                    for p in 0..count {
                        let exact = (0..k).fold(f64::from(bias[o]), |sum, r| {
                            sum + f64::from(weights[o * k + r]) * f64::from(values[starts[r] + p])
                        });
                        // rounding of 40 products of about 1
                        assert!((f64::from(out[o * pitch + p]) - exact).abs() < 1e-4, "{}", level.name());
                    }
                    // nothing is written behind a row
                    assert!(out[o * pitch + count..(o + 1) * pitch].iter().all(|v| v.is_nan()));
                }
                if level != Level::Scalar {
                    bits.push(out.iter().map(|v| v.to_bits()).collect::<Vec<_>>());
                }
            }
            assert!(bits.windows(2).all(|pair| pair[0] == pair[1]), "AVX2 and AVX-512 differ");
        }
    }

    #[test]
    fn dots_are_sums_of_products() {
        for (samples, outputs, k) in [(1, 1, 1), (5, 3, 17), (4, 9, 2048), (7, 6, 2100)] {
            let x: Vec<f32> = (0..samples * k).map(value).collect();
            let weights: Vec<f32> = (0..outputs * k).map(|i| value(i + 5)).collect();
            let bias: Vec<f32> = (0..outputs).map(value).collect();
            let mut bits = Vec::new();
            for level in Level::available() {
                let mut out = vec![f32::NAN; samples * outputs];
                dots_at(level, &x, &weights, &bias, k, &mut out);
                for s in 0..samples {
                    for o in 0..outputs {
                        let exact = (0..k).fold(f64::from(bias[o]), |sum, i| {
                            sum + f64::from(x[s * k + i]) * f64::from(weights[o * k + i])
                        });
                        // rounding of 2100 products of about 1 in 16 chains
                        assert!((f64::from(out[s * outputs + o]) - exact).abs() < 2e-3, "{}", level.name());
                    }
                }
                if level != Level::Scalar {
                    bits.push(out.iter().map(|v| v.to_bits()).collect::<Vec<_>>());
                }
                // a sample alone gives the same bits
                let mut alone = vec![0.0; outputs];
                dots_at(level, &x[(samples - 1) * k..], &weights, &bias, k, &mut alone);
                assert_eq!(alone, out[(samples - 1) * outputs..]);
            }
            assert!(bits.windows(2).all(|pair| pair[0] == pair[1]), "AVX2 and AVX-512 differ");
        }
    }
}
