//! `chaos`: runs scenarios, or is the service that they have replicated.

fn main() {}
