//! What a machine can be counted doing.
//!
//! Execution counts events, [`crate::component`] prices them; a counted event that no component
//! prices is an error, never zero. To add one: a variant here, its line in [`Event::ALL`], and the
//! line in `ohmic-execution` that counts it.

/// One kind of countable action of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Event {
    /// One word line driven for one read of one crossbar.
    RowDrive,
    /// Ohmic energy drawn by the cells in one read; its amount is in joule, not a count.
    CellRead,
    /// One analog-to-digital conversion of one bit line.
    Conversion,
    /// One bit line sampled and held.
    Sample,
    /// One code shifted and added into an accumulator.
    ShiftAdd,
    /// One code negated or not by the sign bit of its fragment.
    SignApply,
    /// One fragment whose inputs were searched for leading zeros.
    SkipCheck,
    /// One input digit added to the digital sum of inputs.
    InputSumAdd,
    /// One byte through a macro's input register.
    InputRegisterByte,
    /// One byte through a macro's output register.
    OutputRegisterByte,
    /// One byte read from a tile's buffer.
    BufferReadByte,
    /// One byte written to a tile's buffer.
    BufferWriteByte,
    /// One byte over a tile's bus between buffer and macros.
    BusByte,
    /// One byte through one router.
    RouterByte,
    /// One byte over one link as long as a tile is wide.
    LinkByte,
    /// One digital operation outside crossbars (activation, pooling, addition of one element).
    DigitalOp,
    /// One write pulse of one cell, while the network is programmed.
    WritePulse,
    /// One read of one cell after a write pulse, while the network is programmed.
    VerifyRead,
}

impl Event {
    /// All events, in the order of tables and reports.
    pub const ALL: [Self; 18] = [
        Self::RowDrive,
        Self::CellRead,
        Self::Conversion,
        Self::Sample,
        Self::ShiftAdd,
        Self::SignApply,
        Self::SkipCheck,
        Self::InputSumAdd,
        Self::InputRegisterByte,
        Self::OutputRegisterByte,
        Self::BufferReadByte,
        Self::BufferWriteByte,
        Self::BusByte,
        Self::RouterByte,
        Self::LinkByte,
        Self::DigitalOp,
        Self::WritePulse,
        Self::VerifyRead,
    ];

    /// The name in hardware files and result columns.
    pub fn name(self) -> &'static str {
        match self {
            Self::RowDrive => "row_drive",
            Self::CellRead => "cell_read",
            Self::Conversion => "conversion",
            Self::Sample => "sample",
            Self::ShiftAdd => "shift_add",
            Self::SignApply => "sign_apply",
            Self::SkipCheck => "skip_check",
            Self::InputSumAdd => "input_sum_add",
            Self::InputRegisterByte => "input_register_byte",
            Self::OutputRegisterByte => "output_register_byte",
            Self::BufferReadByte => "buffer_read_byte",
            Self::BufferWriteByte => "buffer_write_byte",
            Self::BusByte => "bus_byte",
            Self::RouterByte => "router_byte",
            Self::LinkByte => "link_byte",
            Self::DigitalOp => "digital_op",
            Self::WritePulse => "write_pulse",
            Self::VerifyRead => "verify_read",
        }
    }

    /// The event of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|e| e.name() == name)
    }

    /// What is counted, in one line.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::RowDrive => "one word line driven for one read of one crossbar",
            Self::CellRead => "ohmic energy of the cells of one read, sum of v^2 g t (joule, not a count)",
            Self::Conversion => "one analog-to-digital conversion",
            Self::Sample => "one bit line sampled and held",
            Self::ShiftAdd => "one code shifted and added into an accumulator",
            Self::SignApply => "one code multiplied by the sign bit of its fragment",
            Self::SkipCheck => "one fragment's inputs searched for leading zeros",
            Self::InputSumAdd => "one input digit added to the digital sum of inputs",
            Self::InputRegisterByte => "one byte through a macro's input register",
            Self::OutputRegisterByte => "one byte through a macro's output register",
            Self::BufferReadByte => "one byte read from a tile's buffer",
            Self::BufferWriteByte => "one byte written to a tile's buffer",
            Self::BusByte => "one byte over the bus between a tile's buffer and its macros",
            Self::RouterByte => "one byte through one router",
            Self::LinkByte => "one byte over a link between tiles, for every pitch of a tile that it is long",
            Self::DigitalOp => "one element of a digital operation (activation, pooling, addition)",
            Self::WritePulse => "one write pulse of one cell; once a programming, not in an inference",
            Self::VerifyRead => {
                "one read of one cell after a write pulse; once a programming, not in an inference"
            }
        }
    }

    /// The unit of its amount: `joule` for [`Event::CellRead`], else `count` or `byte`.
    pub fn unit(self) -> &'static str {
        match self {
            Self::CellRead => "joule",
            Self::InputRegisterByte
            | Self::OutputRegisterByte
            | Self::BufferReadByte
            | Self::BufferWriteByte
            | Self::BusByte
            | Self::RouterByte
            | Self::LinkByte => "byte",
            _ => "count",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_lead_back() {
        for e in Event::ALL {
            assert_eq!(Event::from_name(e.name()), Some(e));
            assert_eq!(Event::ALL[e as usize], e, "ALL is in the order of the variants");
        }
    }
}
