//! The operations, one a file.

pub(crate) mod archive_survey;
pub(crate) mod create_survey;
pub(crate) mod get_scores;
pub(crate) mod get_survey;
pub(crate) mod get_survey_version;
pub(crate) mod list_survey_versions;
pub(crate) mod list_surveys;
pub(crate) mod publish_survey;
pub(crate) mod simulate_survey;
pub(crate) mod update_survey;
pub(crate) mod validate_survey;

#[cfg(test)]
pub(crate) mod fixture;
