//! Members. Organisations themselves are the platform's: see `system`.

use wib_core::orgs::Member;

use crate::table::table;

table!(Member of organization_id in "members" { id, user_id, role, created_at } mutable);
