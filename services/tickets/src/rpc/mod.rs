//! One operation a file; the folder is the API.

pub(crate) mod add_entry;
pub(crate) mod assign_ticket;
pub(crate) mod claim_next_ticket;
pub(crate) mod claim_ticket;
pub(crate) mod close_ticket;
pub(crate) mod confirm_resolution;
pub(crate) mod confirm_result;
pub(crate) mod create_ticket;
pub(crate) mod create_ticket_link;
pub(crate) mod get_backlog;
pub(crate) mod get_figures;
pub(crate) mod get_result;
pub(crate) mod get_ticket;
pub(crate) mod list_entries;
pub(crate) mod list_ticket_history;
pub(crate) mod list_tickets;
pub(crate) mod object_to_result;
pub(crate) mod reject_resolution;
pub(crate) mod release_ticket;
pub(crate) mod reopen_ticket;
pub(crate) mod resolve_ticket;
pub(crate) mod triage_ticket;
pub(crate) mod update_ticket;
pub(crate) mod watch_tickets;
