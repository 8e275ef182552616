//! Seeds that once showed a real mistake. They run first, for ever.

use serde::Deserialize;

/// The list; beside the crate, so that a person can add to it.
const LIST: &str = include_str!("../regressions.toml");

/// One seed and what it showed.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Regression {
    /// Short name.
    pub(crate) name: String,
    /// The seed.
    pub(crate) seed: u64,
    /// Simulated minutes.
    pub(crate) minutes: u64,
    /// What it showed.
    pub(crate) shows: String,
}

#[derive(Deserialize)]
struct List {
    #[serde(default)]
    regression: Vec<Regression>,
}

/// All of them; none when the list cannot be read, which a test would show.
pub(crate) fn all() -> Vec<Regression> {
    toml::from_str::<List>(LIST).map(|list| list.regression).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_can_be_read_and_every_entry_says_what_it_showed() {
        let list: List = toml::from_str(LIST).unwrap();
        assert!(list.regression.iter().all(|regression| !regression.shows.is_empty()));
    }
}
