//! What a standard normal deviate makes of a conductance.

/// A distribution between cells.
#[derive(Clone, Copy, Debug)]
pub(super) enum Spread {
    /// g (1 + sigma z), not below 0.
    Gaussian(f32),
    /// g exp(sigma z).
    LogNormal(f32),
}

impl Spread {
    pub(super) fn apply(self, g_siemens: &mut f32, z: f32) {
        match self {
            Self::Gaussian(sigma) => *g_siemens = (*g_siemens * (1.0 + sigma * z)).max(0.0),
            Self::LogNormal(sigma) => *g_siemens *= libm::expf(sigma * z),
        }
    }

    pub(super) fn is_none(self) -> bool {
        match self {
            Self::Gaussian(sigma) | Self::LogNormal(sigma) => sigma <= 0.0,
        }
    }
}
