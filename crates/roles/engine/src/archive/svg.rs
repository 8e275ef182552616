//! Whether an SVG plan only draws.
//!
//! An SVG is a program as much as a picture: it can run scripts and load files. It is served with a
//! content security policy that forbids both; here it is refused before it is stored, so that a plan
//! that somebody opens from an export is harmless too. What may be in a plan is listed, the rest is
//! refused by name, as SVG 2 (elements: appendix "Element Index") grows faster than a list of dangers.
//!
//! Not checked: whether it looks like anything.

use roxmltree::{Document, Node, NodeType, ParsingOptions};

const SVG: &str = "http://www.w3.org/2000/svg";
const XHTML: &str = "http://www.w3.org/1999/xhtml";
const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// Most nodes of a plan. Ours: a detailed floor of a CAD program has some ten thousand.
const NODES_MAX: u32 = 1_000_000;
/// Longest side in pixels. Ours.
const SIDE_PX_MAX: f64 = 100_000.0;

/// Elements that draw, group or describe. Absent on purpose: scripts, animations (they can change a
/// link after it was checked), `foreignObject` and links.
const ELEMENTS: [&str; 32] = [
    "circle",
    "clipPath",
    "defs",
    "desc",
    "ellipse",
    "feBlend",
    "feColorMatrix",
    "feComposite",
    "feFlood",
    "feGaussianBlur",
    "feMerge",
    "feMergeNode",
    "feOffset",
    "filter",
    "g",
    "image",
    "line",
    "linearGradient",
    "marker",
    "mask",
    "metadata",
    "path",
    "pattern",
    "polygon",
    "polyline",
    "radialGradient",
    "rect",
    "stop",
    "style",
    "svg",
    "symbol",
    "text",
];
/// The rest of them, for text.
const TEXT_ELEMENTS: [&str; 5] = ["switch", "textPath", "title", "tspan", "use"];
/// What can load or run something from a style sheet. A backslash can spell any of them.
const STYLE_DANGERS: [&str; 7] =
    ["@import", "\\", "expression(", "image(", "image-set(", "javascript:", "src("];
/// Pictures inside the plan itself.
const INLINE_PICTURES: [&str; 3] = ["data:image/png;", "data:image/jpeg;", "data:image/gif;"];

/// Width and height in pixels, or why the content is not a plan that only draws.
pub(super) fn size(content: &[u8]) -> Result<(u32, u32), String> {
    let text = str::from_utf8(content).map_err(|_| "is no UTF-8 text".to_owned())?;
    // No document type: its entities could hide or multiply anything.
    let options =
        ParsingOptions { allow_dtd: false, nodes_limit: NODES_MAX, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options)
        .map_err(|error| format!("is no well-formed XML, or has a document type: {error}"))?;
    for node in document.root().descendants() {
        check_node(node).map_err(|what| {
            let at = document.text_pos_at(node.range().start);
            format!("has {what} at {at}, which a plan does not need")
        })?;
    }
    let root = document.root_element();
    if !root.has_tag_name((SVG, "svg")) {
        return Err("is no SVG".into());
    }
    size_of(root)
        .ok_or_else(|| "says no size: give its svg a viewBox, or width and height in pixels".into())
}

/// Says what is wrong with the node.
fn check_node(node: Node<'_, '_>) -> Result<(), String> {
    match node.node_type() {
        NodeType::PI => return Err("a processing instruction".into()),
        NodeType::Element => {}
        // Styles are text; everywhere else these words are harmless.
        NodeType::Text
            if node.parent().is_some_and(|parent| parent.has_tag_name((SVG, "style"))) =>
        {
            return check_style(node.text().unwrap_or_default());
        }
        _ => return Ok(()),
    }
    let name = node.tag_name().name();
    let is_svg = node.tag_name().namespace() == Some(SVG);
    let is_allowed = match node.tag_name().namespace() {
        Some(SVG) => ELEMENTS.contains(&name) || TEXT_ELEMENTS.contains(&name),
        // Another program's own data are not drawn. A script is refused under any namespace: a
        // parser of HTML knows none.
        Some(namespace) => {
            let is_script = name.eq_ignore_ascii_case("script");
            !is_script && !namespace.is_empty() && namespace != XHTML
        }
        None => false,
    };
    if !is_allowed {
        return Err(format!("the element '{}'", shortened(name)));
    }
    for attribute in node.attributes() {
        let name = attribute.name().to_ascii_lowercase();
        let refused = || Err(format!("the attribute '{}'", shortened(&name)));
        match name.as_str() {
            name if name.starts_with("on") => return refused(),
            "base" if attribute.namespace() == Some(XML) => return refused(),
            "href" | "src" if !is_inside(attribute.value()) => return refused(),
            "href" | "src" => {}
            // An editor's own attributes and elements are not styles.
            _ if is_svg && attribute.namespace().is_none() => check_style(attribute.value())?,
            _ => {}
        }
    }
    Ok(())
}

/// Whether a reference stays in the document.
fn is_inside(reference: &str) -> bool {
    let reference = reference.trim();
    reference.starts_with('#') || INLINE_PICTURES.iter().any(|start| reference.starts_with(start))
}

/// Refuses styles, and presentation attributes, that reach out of the document.
fn check_style(style: &str) -> Result<(), String> {
    let style = style.to_ascii_lowercase();
    if let Some(danger) = STYLE_DANGERS.iter().find(|danger| style.contains(**danger)) {
        return Err(format!("the style '{danger}'"));
    }
    let mut references = style.split("url(").skip(1);
    let quoted = |c: char| c.is_whitespace() || matches!(c, '"' | '\'');
    if references.all(|rest| is_inside(rest.trim_start_matches(quoted))) {
        return Ok(());
    }
    Err("a style with an outer url()".into())
}

/// The size in pixels: `width` and `height` where they are, else the view box.
fn size_of(root: Node<'_, '_>) -> Option<(u32, u32)> {
    let pixels = |name| {
        let value: &str = root.attribute(name)?;
        side(value.trim().trim_end_matches("px"))
    };
    if let (Some(width_px), Some(height_px)) = (pixels("width"), pixels("height")) {
        return Some((width_px, height_px));
    }
    let view_box = root.attribute("viewBox")?;
    let mut numbers = view_box
        .split(|c: char| c.is_whitespace() || c == ',')
        .filter(|part| !part.is_empty())
        .skip(2);
    Some((side(numbers.next()?)?, side(numbers.next()?)?))
}

fn side(text: &str) -> Option<u32> {
    let pixels: f64 = text.parse().ok()?;
    (0.5..=SIDE_PX_MAX).contains(&pixels).then_some(pixels.round() as u32)
}

fn shortened(name: &str) -> String {
    name.chars().take(64).collect()
}
