//! The NMSP server: recorded or simulated radio, reported to engines
