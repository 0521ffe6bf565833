//! The operations, one a file.

pub(crate) mod archive_article;
pub(crate) mod batch_get_articles;
pub(crate) mod choose_result;
pub(crate) mod create_article;
pub(crate) mod create_revision;
pub(crate) mod explain;
pub(crate) mod export_articles;
pub(crate) mod get_article;
pub(crate) mod get_helpfulness;
pub(crate) mod get_revision;
pub(crate) mod import_articles;
pub(crate) mod list_articles;
pub(crate) mod list_revisions;
pub(crate) mod list_searches;
pub(crate) mod list_votes;
pub(crate) mod publish_revision;
pub(crate) mod restore_article;
pub(crate) mod search;
pub(crate) mod suggest;
pub(crate) mod suggest_for_text;
pub(crate) mod update_article;
pub(crate) mod vote;

#[cfg(test)]
pub(crate) mod fixture;
