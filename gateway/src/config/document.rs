//! A TOML file as a tree in which every key remembers where it was written.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

use super::faults::{Faults, Place};

pub(super) type Table = BTreeMap<String, Entry>;

/// One key of a table.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) place: Place,
    pub(super) value: Value,
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    /// From the environment also numbers, booleans and lists arrive as text.
    Text(String),
    Integer(i64),
    Boolean(bool),
    List(Vec<Entry>),
    Table(Table),
    /// A kind that no key takes (float, date); the word for it.
    Other(&'static str),
}

impl Value {
    /// As in "is ..., not ...".
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Value::Text(_) => "a string",
            Value::Integer(_) => "an integer",
            Value::Boolean(_) => "a boolean",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
            Value::Other(kind) => kind,
        }
    }
}

/// The whole file; what is not TOML is said in `faults`, all of it.
pub(super) fn parse(text: &str, faults: &mut Faults) -> Table {
    let lines = Lines::of(text);
    let (root, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let place = error
            .span()
            .map_or(Place::File, |span| lines.place(span.start));
        let message = error.message().replace('\n', ", ");
        faults.add(
            place,
            String::new(),
            format!("not TOML: {message}"),
            "write `key = value`",
        );
    }
    table(root.get_ref(), &lines)
}

fn table(from: &DeTable<'_>, lines: &Lines) -> Table {
    from.iter()
        .map(|(key, inner)| {
            let place = lines.place(key.span().start);
            (
                key.get_ref().to_string(),
                Entry {
                    place,
                    value: value(inner.get_ref(), lines),
                },
            )
        })
        .collect()
}

fn value(from: &DeValue<'_>, lines: &Lines) -> Value {
    match from {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(digits) => match i64::from_str_radix(digits.as_str(), digits.radix()) {
            Ok(number) => Value::Integer(number),
            Err(_) => Value::Other("an integer beyond 64 bits"),
        },
        DeValue::Boolean(truth) => Value::Boolean(*truth),
        DeValue::Array(items) => Value::List(
            items
                .iter()
                .map(|item| Entry {
                    place: lines.place(item.span().start),
                    value: value(item.get_ref(), lines),
                })
                .collect(),
        ),
        DeValue::Table(inner) => Value::Table(table(inner, lines)),
        DeValue::Float(_) => Value::Other("a float"),
        DeValue::Datetime(_) => Value::Other("a date"),
    }
}

/// Where the lines of a text begin.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        let after_newlines = text.bytes().enumerate().filter(|(_, b)| *b == b'\n');
        Lines(
            std::iter::once(0)
                .chain(after_newlines.map(|(at, _)| at + 1))
                .collect(),
        )
    }

    fn place(&self, offset: usize) -> Place {
        Place::Line(self.0.partition_point(|begin| *begin <= offset))
    }
}
