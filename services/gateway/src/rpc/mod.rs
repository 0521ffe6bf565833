//! The operations, one file each.

pub(crate) mod create_api_key;
pub(crate) mod create_member;
pub(crate) mod create_team;
pub(crate) mod create_tenant;
pub(crate) mod deactivate_member;
pub(crate) mod get_api_key;
pub(crate) mod get_member;
pub(crate) mod get_team;
pub(crate) mod get_tenant;
pub(crate) mod list_access_records;
pub(crate) mod list_api_keys;
pub(crate) mod list_members;
pub(crate) mod list_teams;
pub(crate) mod list_tenants;
pub(crate) mod reactivate_member;
pub(crate) mod resume_tenant;
pub(crate) mod revoke_api_key;
pub(crate) mod rotate_api_key;
pub(crate) mod suspend_tenant;
pub(crate) mod update_member;
pub(crate) mod update_team;
pub(crate) mod update_tenant;

#[cfg(test)]
pub(crate) mod fixture;
