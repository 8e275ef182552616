//! A JSON value as XML and back, in the way of MSE 8: the only member of the body is the root; texts,
//! numbers and truth values are attributes, objects are elements, a list repeats its element, `null` is
//! left out.

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};
use roxmltree::Node;
use serde_json::{Map, Value, json};

/// The list whose entries are objects with one member, which names them.
const ENTRIES: &str = "entries";
/// What an error or a count is called, which are no objects.
const BARE: &str = "Response";

/// Deepest element that is read; a subscription has four levels. Ours.
const DEPTH_MAX: usize = 16;

/// The body of a document, all values as texts. `lists` names elements that are lists, also alone.
pub(super) fn read(document: &str, lists: &[&str]) -> Result<Value, String> {
    let document = roxmltree::Document::parse(document).map_err(|error| error.to_string())?;
    let root = document.root_element();
    let body = content(root, lists, DEPTH_MAX)?;
    Ok(Value::Object(Map::from_iter([(root.tag_name().name().to_owned(), body)])))
}

fn content(node: Node<'_, '_>, lists: &[&str], depth: usize) -> Result<Value, String> {
    let depth = depth.checked_sub(1).ok_or("its elements lie too deep in one another")?;
    let mut object: Map<String, Value> =
        node.attributes().map(|it| (it.name().to_owned(), it.value().into())).collect();
    for child in node.children().filter(Node::is_element) {
        let (name, value) = (child.tag_name().name(), content(child, lists, depth)?);
        match object.get_mut(name) {
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = json!([first.take(), value]),
            None if lists.contains(&name) => {
                object.insert(name.to_owned(), json!([value]));
            }
            None => {
                object.insert(name.to_owned(), value);
            }
        }
    }
    let text = node.text().map(str::trim).filter(|_| object.is_empty());
    Ok(text.map_or_else(|| Value::Object(object), Value::from))
}

/// The document of a body.
pub(super) fn write(body: &Value) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    // Writing to memory does not fail.
    let _ = writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)));
    let root = body.as_object().and_then(|body| body.iter().next());
    match root {
        Some((name, content @ Value::Object(_))) => element(&mut writer, name, content),
        _ => element(&mut writer, BARE, body),
    }
    writer.into_inner()
}

fn element(writer: &mut Writer<Vec<u8>>, name: &str, content: &Value) {
    match content {
        Value::Null => {}
        Value::Array(values) => {
            for value in values {
                match value.as_object().filter(|_| name == ENTRIES) {
                    Some(entry) => members(writer, entry),
                    None => element(writer, name, value),
                }
            }
        }
        Value::Object(object) => {
            let attributes = object
                .iter()
                .filter_map(|(key, value)| text(value).map(|value| (key.as_str(), value)));
            let mut start = BytesStart::new(name);
            for (key, value) in attributes {
                start.push_attribute((key, legal(&value).as_str()));
            }
            let _ = writer.write_event(Event::Start(start));
            members(writer, object);
            let _ = writer.write_event(Event::End(BytesEnd::new(name)));
        }
        scalar => {
            let _ = writer.write_event(Event::Start(BytesStart::new(name)));
            let value = legal(&text(scalar).unwrap_or_default());
            let _ = writer.write_event(Event::Text(BytesText::new(&value)));
            let _ = writer.write_event(Event::End(BytesEnd::new(name)));
        }
    }
}

/// The members of an object that are no attributes.
fn members(writer: &mut Writer<Vec<u8>>, object: &Map<String, Value>) {
    for (key, value) in object.iter().filter(|(_, value)| text(value).is_none()) {
        element(writer, key, value);
    }
}

/// The text of what is an attribute.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A text without the characters that XML 1.0 does not have, however they are written. Names of users
/// and networks come from the air.
fn legal(text: &str) -> String {
    let is_legal = |c: &char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    text.chars().filter(is_legal).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(body: &Value, expected: &str) {
        let document = String::from_utf8(write(body)).unwrap();
        let declaration = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>";
        assert_eq!(document.strip_prefix(declaration), Some(expected));
    }

    #[test]
    fn scalars_are_attributes_and_objects_are_elements() {
        check(
            &json!({"A": {"x": 1, "y": "a\"<b", "z": null, "B": {"ok": true}}}),
            "<A x=\"1\" y=\"a&quot;&lt;b\"><B ok=\"true\"></B></A>",
        );
    }

    #[test]
    fn lists_repeat_their_element_and_entries_name_themselves() {
        check(
            &json!({"L": {"ip": ["1", "2"], "B": [{"n": 1}, {"n": 2}]}}),
            "<L><B n=\"1\"></B><B n=\"2\"></B><ip>1</ip><ip>2</ip></L>",
        );
        check(&json!({"L": {"entries": [{"T": {"n": 1}}]}}), "<L><T n=\"1\"></T></L>");
    }

    #[test]
    fn what_is_no_object_is_a_response() {
        check(&json!({"error": "no & yes"}), "<Response error=\"no &amp; yes\"></Response>");
        check(&json!({"count": 3}), "<Response count=\"3\"></Response>");
    }

    proptest! {
        #[test]
        fn every_text_makes_a_document(text in any::<String>()) {
            let document = write(&json!({"A": {"x": text, "t": [text]}}));
            let document = String::from_utf8(document).unwrap();
            prop_assert!(roxmltree::Document::parse(&document).is_ok(), "{document:?}");
        }
    }
}
