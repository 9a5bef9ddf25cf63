//! Word Is Bond.
pub mod ai;
pub mod imports;
pub mod kit;
pub mod store;
pub mod orgs { pub struct Organization; }
pub mod auth { pub struct User; }
