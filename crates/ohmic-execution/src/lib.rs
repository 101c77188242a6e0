//! Program a chip and run inputs through it; count what happened.
