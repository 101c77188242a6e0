//! Why a run cannot be reduced to a record.

/// What is missing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Something happened that no component of the hardware file puts a price on.
    #[error(
        "event `{event}` happened {amount:e} times but no component of hardware `{hardware}` prices it; add a \
         `[component.NAME]` that lists `{event}` among its events, with its source"
    )]
    Unpriced {
        /// Name of the event.
        event: &'static str,
        /// How often it happened in the run.
        amount: f64,
        /// Hardware name.
        hardware: String,
    },
    /// The network cannot be thought of on this machine.
    #[error("{problem}")]
    Assumed {
        /// Why it does not fit.
        problem: String,
    },
    /// The chip is to be written anew for every batch, and something needed for its cost is missing.
    #[error(
        "hardware `{hardware}` is written with some layers after the others (`schedule.overflow = \"reload\"`), which takes \
         time and energy: {missing} is missing; add it, or set schedule.overflow = \"chips\""
    )]
    Reload {
        /// Hardware name.
        hardware: String,
        /// What is missing.
        missing: String,
    },
    /// A full chip of this machine cannot be thought of.
    #[error("no peak figures: {problem}")]
    Peak {
        /// Why a full crossbar cannot be filled.
        problem: String,
    },
    /// A component gave a cost that is negative or not a number.
    #[error(
        "component `{component}` of hardware `{hardware}` gives {what} = {value}; expected a finite value, 0 or more"
    )]
    Cost {
        /// Component name.
        component: String,
        /// Hardware name.
        hardware: String,
        /// Which cost.
        what: &'static str,
        /// What it gave.
        value: f64,
    },
}
