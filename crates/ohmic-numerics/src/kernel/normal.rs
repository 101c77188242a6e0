//! Normal deviates for runs of consecutive cells.

use crate::noise::{philox4x32_10, quad_normals};

/// See [`crate::Noise::fill_normal`]. `place` holds counter words 1 to 3.
pub(crate) fn fill_normal(key: [u32; 2], place: [u32; 3], first: u32, out: &mut [f32]) {
    let mut cell = first;
    let mut i = 0;
    while i < out.len() {
        let q = quad_normals(philox4x32_10([cell >> 2, place[0], place[1], place[2]], key));
        let from = (cell & 3) as usize;
        let n = (4 - from).min(out.len() - i);
        out[i..i + n].copy_from_slice(&q[from..from + n]);
        i += n;
        cell += n as u32;
    }
}
