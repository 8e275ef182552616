//! Separates Rust code from what only looks like it: comments, strings and characters.

/// `source` with comments, strings and character literals blanked; lines stay where they are.
pub(crate) fn code_only(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while !rest.is_empty() {
        let (is_code, length) = token(rest);
        let (token, after) = rest.split_at(length);
        if is_code {
            code.push_str(token);
        } else {
            code.extend(token.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        }
        rest = after;
    }
    code
}

/// Whether `line` of code contains `word` and not merely a longer word around it.
pub(crate) fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        let after = line[start + word.len()..].chars().next();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// Whether the token at the start of `rest` is code, and its length in bytes.
fn token(rest: &str) -> (bool, usize) {
    if rest.starts_with("//") {
        return (false, rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return (false, block_comment(rest));
    }
    if let Some(inside) = rest.strip_prefix('"') {
        return (false, 1 + escaped_until(inside, '"'));
    }
    if rest.starts_with('\'') {
        return character(rest).map_or((true, 1), |length| (false, length));
    }
    let word = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
    if matches!(&rest[..word], "r" | "br" | "cr")
        && let Some(length) = raw_string(&rest[word..])
    {
        return (false, word + length);
    }
    let first = rest.chars().next().map_or(1, char::len_utf8);
    (true, word.max(first))
}

/// Block comments nest.
fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// Length up to and with the first `end` that no backslash escapes.
fn escaped_until(text: &str, end: char) -> usize {
    let mut is_escaped = false;
    for (index, c) in text.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            c if c == end => return index + c.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

/// Length of a character literal; `None` for a lifetime or a label.
fn character(rest: &str) -> Option<usize> {
    let inside = rest.strip_prefix('\'')?;
    let first = inside.chars().next()?;
    if first == '\\' {
        return Some(1 + escaped_until(inside, '\''));
    }
    inside[first.len_utf8()..].starts_with('\'').then(|| 2 + first.len_utf8())
}

/// Length of `#"..."#` with any number of hashes; `None` for a raw identifier.
fn raw_string(rest: &str) -> Option<usize> {
    let hashes = rest.len() - rest.trim_start_matches('#').len();
    let inside = rest[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", &rest[..hashes]);
    let length = inside.find(&end).map_or(inside.len(), |at| at + end.len());
    Some(hashes + 1 + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_strings_and_characters_are_blanked() {
        let check = |source, expected| assert_eq!(code_only(source), expected, "{source}");
        check("a // b\nc", "a     \nc");
        check("a /* b /* c */\n*/ d", "a             \n   d");
        check(r#"f("todo!", x)"#, "f(       , x)");
        check(r#"f("\"", x)"#, "f(    , x)");
        check(r##"f(r#"a"b"#, x)"##, "f(        , x)");
        check(r#"f(b"a", br"\", x)"#, "f(b   ,      , x)");
        check("r#type = 1", "r#type = 1");
        check("for r in x", "for r in x");
        check(r"['\'', '\\', '\u{e9}', 'é'] x", "[    ,     ,         ,    ] x");
        check("fn f<'a>(x: &'a str)", "fn f<'a>(x: &'a str)");
        check("'outer: loop {}", "'outer: loop {}");
        check("\"open", "     ");
        check("/* open", "       ");
        check("é + 1", "é + 1");
    }

    #[test]
    fn words_are_whole() {
        let check = |line, expected| assert_eq!(has_word(line, "Instant"), expected, "{line}");
        check("Instant::now()", true);
        check("use std::time::Instant;", true);
        check("InstantLike", false);
        check("an_Instant", false);
        check("InstantLike(Instant)", true);
    }
}
