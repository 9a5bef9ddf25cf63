//! Records and their tables: finding, adding and changing a row is written once.

use async_trait::async_trait;
use wib_core::{
    kit::{Error, Id, Result},
    orgs::OrganizationId,
    store::{Edit, Record, Repo, Value},
};

use crate::{
    db::{Conn, Row},
    sql::Sql,
    store::SqlOrg,
};

/// A record that has a table.
pub(crate) trait Table: Record {
    /// Its columns behind `organization_id`.
    const COLUMNS: &'static [&'static str];
    /// The statements, made once.
    fn statements() -> &'static Statements;
    /// The columns' values, in order.
    fn values(&self) -> Vec<Value>;
    /// The organisation, when the record names it.
    fn owner(&self) -> Option<OrganizationId>;
    /// The record of a row.
    fn read(row: &Row) -> Result<Self>;
}

/// A table whose rows may change.
pub(crate) trait Mutable: Table {}

/// What every table is asked.
pub(crate) struct Statements {
    find: Sql,
    insert: Sql,
    insert_new: Sql,
    update: Sql,
}
impl Statements {
    /// Texts live as long as the program: one set per table.
    pub(crate) fn of(table: &str, columns: &[&str]) -> Self {
        let sql = |verb: &str, text: String| Sql::same(format!("{verb}_{table}").leak(), text.leak());
        let names = columns.join(", ");
        let marks = (0..columns.len()).map(|i| format!("${}", i + 2)).collect::<Vec<_>>().join(", ");
        let set = |name: &&str| columns.iter().position(|c| c == name).map(|i| format!("{name} = ${}", i + 2));
        let sets = columns.iter().filter(|c| **c != "id").filter_map(set).collect::<Vec<_>>().join(", ");
        let place = columns.iter().position(|c| *c == "id").map_or(0, |i| i + 2);
        let insert = format!("INSERT INTO {table} (organization_id, {names}) VALUES ($1, {marks})");
        Self {
            find: sql("find", format!("SELECT * FROM {table} WHERE organization_id = $1 AND id = $2")),
            insert_new: sql("insert_new", format!("{insert} ON CONFLICT DO NOTHING")),
            insert: sql("insert", insert),
            update: sql("update", format!("UPDATE {table} SET {sets} WHERE organization_id = $1 AND id = ${place}")),
        }
    }
}

/// Ties a record to its table: columns are named after fields.
///
/// `of` tells the field that holds the organisation; `mutable` makes rows changeable.
macro_rules! table {
    ($record:ident $(of $owner:ident)? in $table:literal { $($field:ident),+ $(,)? } $($mutable:ident)?) => {
        impl $crate::table::Table for $record {
            const COLUMNS: &'static [&'static str] = &[$(stringify!($field)),+];
            fn statements() -> &'static $crate::table::Statements {
                static MADE: std::sync::LazyLock<$crate::table::Statements> = std::sync::LazyLock::new(|| {
                    $crate::table::Statements::of($table, <$record as $crate::table::Table>::COLUMNS)
                });
                &MADE
            }
            fn values(&self) -> Vec<wib_core::store::Value> {
                vec![$(wib_core::store::Column::into_value(self.$field.clone())),+]
            }
            fn owner(&self) -> Option<wib_core::orgs::OrganizationId> {
                None $(.or(Some(self.$owner)))?
            }
            fn read(row: &$crate::db::Row) -> wib_core::kit::Result<Self> {
                Ok(Self { $($owner: row.get(stringify!($owner))?,)? $($field: row.get(stringify!($field))?),+ })
            }
        }
        $($crate::table::table!(@$mutable $record);)?
    };
    (@mutable $record:ident) => { impl $crate::table::Mutable for $record {} };
}
pub(crate) use table;

fn row_of<T: Table>(organization: OrganizationId, row: &T) -> Result<Vec<Value>> {
    if row.owner().is_some_and(|owner| owner != organization) {
        return Err(Error::not_found(T::NAME));
    }
    Ok(std::iter::once(organization.into()).chain(row.values()).collect())
}

/// Adds a row.
pub(crate) async fn insert<T: Table>(conn: &mut Conn, organization: OrganizationId, row: &T) -> Result<()> {
    conn.change(&T::statements().insert, row_of(organization, row)?).await.map(|_| ())
}

/// Adds a row unless one of its unique keys is taken; whether it was added.
pub(crate) async fn insert_new<T: Table>(conn: &mut Conn, organization: OrganizationId, row: &T) -> Result<bool> {
    Ok(conn.change(&T::statements().insert_new, row_of(organization, row)?).await? == 1)
}

/// Adds a row, or leaves the transaction as it was.
pub(crate) async fn attempt_insert<T: Table>(
    conn: &mut Conn,
    organization: OrganizationId,
    row: &T,
) -> Result<Result<u64>> {
    conn.attempt(&T::statements().insert, row_of(organization, row)?).await
}

/// The records of rows.
pub(crate) fn read_all<T: Table>(rows: &[Row]) -> Result<Vec<T>> {
    rows.iter().map(T::read).collect()
}

#[async_trait]
impl<T: Table> Repo<T> for SqlOrg {
    async fn find(&mut self, id: Id<T>) -> Result<Option<T>> {
        let args = vec![self.organization.into(), id.into()];
        self.conn.one(&T::statements().find, args).await?.map(|row| T::read(&row)).transpose()
    }
    async fn insert(&mut self, row: &T) -> Result<()> {
        insert(&mut self.conn, self.organization, row).await
    }
}

#[async_trait]
impl<T: Mutable> Edit<T> for SqlOrg {
    async fn update(&mut self, row: &T) -> Result<()> {
        match self.conn.change(&T::statements().update, row_of(self.organization, row)?).await? {
            0 => Err(Error::not_found(T::NAME)),
            _ => Ok(()),
        }
    }
}
