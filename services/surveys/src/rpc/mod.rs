//! The operations, one a file.

pub(crate) mod archive_survey;
pub(crate) mod create_invitation_link;
pub(crate) mod create_survey;
pub(crate) mod exclude_response;
pub(crate) mod get_invitation;
pub(crate) mod get_invited_survey;
pub(crate) mod get_loop;
pub(crate) mod get_response;
pub(crate) mod get_scores;
pub(crate) mod get_survey;
pub(crate) mod get_survey_version;
pub(crate) mod include_response;
pub(crate) mod list_invitations;
pub(crate) mod list_loops;
pub(crate) mod list_responses;
pub(crate) mod list_survey_versions;
pub(crate) mod list_surveys;
pub(crate) mod publish_survey;
pub(crate) mod record_interview;
pub(crate) mod record_response;
pub(crate) mod report_delivery;
pub(crate) mod revoke_invitation;
pub(crate) mod save_progress;
pub(crate) mod simulate_survey;
pub(crate) mod submit_response;
pub(crate) mod update_survey;
pub(crate) mod validate_survey;

#[cfg(test)]
pub(crate) mod fixture;
