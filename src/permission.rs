//! Permissions as SQL asks about them; `sql/47_role.sql` declares the functions.

use gatehouse_core::permission;
use pgrx::prelude::*;

/// `auth.is_permission(permission)`
#[pg_extern(sql = false)]
fn is_permission(permission: &str) -> bool {
    permission::is_well_formed(permission)
}

/// `auth.covers(granted, wanted)`
#[pg_extern(sql = false)]
fn covers(granted: Vec<String>, wanted: Vec<String>) -> bool {
    permission::covers_all(&granted, &wanted)
}
