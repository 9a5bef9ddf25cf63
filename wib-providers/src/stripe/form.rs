//! Form fields in Stripe's way of writing what is nested.

use wib_core::{
    kit::Timestamp,
    ports::billing::{Change, Metadata},
};

/// A body, or a query, being put together.
#[derive(Debug, Default)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// A field.
    pub(super) fn put(mut self, name: impl Into<String>, value: impl ToString) -> Self {
        self.0.push((name.into(), value.to_string()));
        self
    }
    /// A field that may be absent.
    pub(super) fn maybe(self, name: impl Into<String>, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.put(name, value),
            None => self,
        }
    }
    /// A field when something is so.
    pub(super) fn when(self, so: bool, name: &str, value: impl ToString) -> Self {
        if so { self.put(name, value) } else { self }
    }
    /// A field that is kept, cleared or set.
    pub(super) fn change(self, name: &str, change: &Change<impl ToString>) -> Self {
        match change {
            Change::Keep => self,
            Change::Clear => self.put(name, ""),
            Change::To(value) => self.put(name, value.to_string()),
        }
    }
    /// An instant in seconds.
    pub(super) fn time(self, name: &str, at: Option<Timestamp>) -> Self {
        self.maybe(name, at.map(Timestamp::as_second))
    }
    /// `name[key]=value` for each pair.
    pub(super) fn metadata(self, name: &str, metadata: &Metadata) -> Self {
        metadata.iter().fold(self, |form, (key, value)| form.put(format!("{name}[{key}]"), value))
    }
    /// The fields, in order.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}
