//! Everything a hardware file can say, checked: devices, encodings, faults, converters, components and unit costs.
