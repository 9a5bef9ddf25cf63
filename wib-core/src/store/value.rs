//! What goes into a column and comes out of it: eight kinds, on every engine.

use serde_json::Value as Json;
use uuid::Uuid;

use crate::kit::{
    Currency, Id, Phone,
    time::{self, Timestamp},
};

/// One value of a statement or a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// True or false; `None` is NULL, as in every kind.
    Bool(Option<bool>),
    /// A 64-bit integer.
    Int(Option<i64>),
    /// Text.
    Text(Option<String>),
    /// A UUID.
    Uuid(Option<Uuid>),
    /// An instant in microseconds.
    Time(Option<Timestamp>),
    /// A JSON object or array.
    Json(Option<Json>),
    /// Bytes.
    Bytes(Option<Vec<u8>>),
    /// A 64-bit float (scores only; never money).
    Float(Option<f64>),
}

/// The kind of a [`Value`]: how a driver reads the column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "named after the members of Value")]
pub enum ValueKind {
    Bool,
    Int,
    Text,
    Uuid,
    Time,
    Json,
    Bytes,
    Float,
}

/// A type that fits one column.
pub trait Column: Sized {
    /// How the column is read.
    const KIND: ValueKind;
    /// As a value.
    fn into_value(self) -> Value;
    /// Back from a value.
    ///
    /// # Errors
    /// Text saying why the value does not fit; never the value of a secret.
    fn from_value(value: Value) -> Result<Self, String>;
    /// A NULL of this kind.
    fn null() -> Value {
        match Self::KIND {
            ValueKind::Bool => Value::Bool(None),
            ValueKind::Int => Value::Int(None),
            ValueKind::Text => Value::Text(None),
            ValueKind::Uuid => Value::Uuid(None),
            ValueKind::Time => Value::Time(None),
            ValueKind::Json => Value::Json(None),
            ValueKind::Bytes => Value::Bytes(None),
            ValueKind::Float => Value::Float(None),
        }
    }
}

impl Value {
    /// Whether it is NULL.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(
            self,
            Self::Bool(None)
                | Self::Int(None)
                | Self::Text(None)
                | Self::Uuid(None)
                | Self::Time(None)
                | Self::Json(None)
                | Self::Bytes(None)
                | Self::Float(None)
        )
    }
}

macro_rules! plain {
    ($($type:ty => $kind:ident),+ $(,)?) => {$(
        impl Column for $type {
            const KIND: ValueKind = ValueKind::$kind;
            fn into_value(self) -> Value { Value::$kind(Some(self)) }
            fn from_value(value: Value) -> Result<Self, String> {
                match value {
                    Value::$kind(Some(v)) => Ok(v),
                    _ => Err(concat!("expected ", stringify!($kind)).to_owned()),
                }
            }
        }
        impl From<$type> for Value { fn from(v: $type) -> Self { v.into_value() } }
    )+};
}
plain! { bool => Bool, i64 => Int, String => Text, Uuid => Uuid, Timestamp => Time, Json => Json, Vec<u8> => Bytes, f64 => Float }

/// A day is kept as its first instant in UTC.
impl Column for jiff::civil::Date {
    const KIND: ValueKind = ValueKind::Time;
    fn into_value(self) -> Value {
        time::first_of(self).into_value()
    }
    fn from_value(value: Value) -> Result<Self, String> {
        Timestamp::from_value(value).map(time::day_of)
    }
}
impl From<jiff::civil::Date> for Value {
    fn from(day: jiff::civil::Date) -> Self {
        day.into_value()
    }
}
impl<T: Column> Column for Option<T> {
    const KIND: ValueKind = T::KIND;
    fn into_value(self) -> Value {
        self.map_or_else(T::null, T::into_value)
    }
    fn from_value(value: Value) -> Result<Self, String> {
        if value.is_null() { Ok(None) } else { T::from_value(value).map(Some) }
    }
}
impl<T> Column for Id<T> {
    const KIND: ValueKind = ValueKind::Uuid;
    fn into_value(self) -> Value {
        Value::Uuid(Some(self.uuid()))
    }
    fn from_value(value: Value) -> Result<Self, String> {
        Uuid::from_value(value).map(Self::from)
    }
}
impl<T> From<Id<T>> for Value {
    fn from(id: Id<T>) -> Self {
        id.into_value()
    }
}
impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}
impl<T: Column> From<Option<T>> for Value {
    fn from(v: Option<T>) -> Self {
        v.into_value()
    }
}

macro_rules! parsed {
    ($($type:ty),+) => {$(
        impl Column for $type {
            const KIND: ValueKind = ValueKind::Text;
            fn into_value(self) -> Value { Value::Text(Some(self.to_string())) }
            fn from_value(value: Value) -> Result<Self, String> {
                String::from_value(value)?.parse().map_err(|e: crate::kit::Error| e.message().to_owned())
            }
        }
    )+};
}
parsed!(Phone, Currency);

/// Keeps a serde type in a JSON column (objects and arrays only: SQLite and PostgreSQL differ on bare scalars).
#[macro_export]
macro_rules! json_column {
    ($($type:ty),+ $(,)?) => {$(
        impl $crate::store::Column for $type {
            const KIND: $crate::store::ValueKind = $crate::store::ValueKind::Json;
            fn into_value(self) -> $crate::store::Value {
                $crate::store::Value::Json(Some(serde_json::to_value(self).expect("a record's part has a JSON form")))
            }
            fn from_value(value: $crate::store::Value) -> Result<Self, String> {
                serde_json::from_value(<serde_json::Value as $crate::store::Column>::from_value(value)?).map_err(|e| e.to_string())
            }
        }
    )+};
}
