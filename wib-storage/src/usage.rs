//! What was used.

use wib_core::usage::Usage;

use crate::table::table;

table!(Usage in "usage" { id, call_id, source, kind, quantity, vendor, cost_micros, price_book, live, at });
