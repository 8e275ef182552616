//! Paths as programs in the field write them.
//!
//! Doubled and trailing slashes and a `.json` or `.xml` at the end mean nothing
//! (`reference/nmsp-mse-cmx.md` section C.2, items 1 and 2).

use percent_encoding::percent_decode_str;

/// Most segments that are looked at; the longest path that we know has eight. Ours.
const SEGMENTS_MAX: usize = 16;

/// The segments of a path, decoded.
pub fn segments(path: &str) -> Vec<String> {
    let path = path.trim_end_matches('/');
    let suffix = [".json", ".xml"].into_iter().find_map(|suffix| path.strip_suffix(suffix));
    let path = suffix.unwrap_or(path);
    path.split('/')
        .filter(|segment| !segment.is_empty())
        .take(SEGMENTS_MAX)
        .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, expected: &[&str]) {
        assert_eq!(segments(path), expected, "{path}");
    }

    #[test]
    fn slashes_and_suffix_mean_nothing() {
        let expected = ["api", "location", "v2", "clients"];
        check("/api/location/v2/clients", &expected);
        check("//api//location/v2/clients/", &expected);
        check("/api/location/v2/clients.json", &expected);
        check("/api/location/v2/clients.json//", &expected);
        check("/api/location/v2/clients.xml", &expected);
        check("/", &[]);
    }

    #[test]
    fn names_are_decoded_after_the_path_is_split() {
        check("/info/System%20Campus/a%2Fb", &["info", "System Campus", "a/b"]);
        check("/%ff%", &["\u{fffd}%"]);
        assert_eq!(segments(&"/x".repeat(100)).len(), SEGMENTS_MAX);
    }
}
