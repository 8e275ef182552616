//! A deterministic world in which the pair protocol is proven.
