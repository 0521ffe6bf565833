//! An article in one language, as other systems write it down.

use contracts::knowledge::v1::{ArticleKind, AudienceLevel};
use kernel::{Time, Violations, id::is_slug, language};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Fault;
use crate::{
    convert::distinct,
    domain::{
        article::{MAX_EXTERNAL_ID, Profile},
        audience::Audience,
        publication::{ALWAYS, NEVER},
        revision::Words,
    },
};

/// What a file says of an article, as it stands there. Keys that are not known are faults.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Written {
    pub(crate) title: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) locale: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) kind: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) audience: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) teams: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) products: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) tags: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) similar_questions: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) external_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) valid_from: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) valid_until: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) publish: Option<bool>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) body: String,
}

/// What holds for rows that do not say.
#[derive(Clone, Debug)]
pub(crate) struct Defaults {
    pub(crate) locale: String,
    /// `None` for that of agents where the article is new, and its own where it is known.
    pub(crate) audience: Option<AudienceLevel>,
    pub(crate) publish: bool,
}

/// An article in one language, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// What its article is found again by.
    pub(crate) external_id: String,
    pub(crate) locale: String,
    pub(crate) profile: Profile,
    pub(crate) words: Words,
    pub(crate) publish: bool,
    /// Whether anybody said who may read it.
    pub(crate) says_audience: bool,
}

impl Row {
    /// The row of an article that is known: whoever could read it goes on to do so, unless the row or
    /// its import says otherwise.
    pub(crate) fn of(mut self, known: &Profile) -> Self {
        if !self.says_audience {
            self.profile.audience.clone_from(&known.audience);
        }
        self
    }
}

impl Written {
    /// The row, or all that is wrong with it.
    pub(crate) fn read(self, defaults: &Defaults) -> Result<Row, Vec<Fault>> {
        let mut violations = Violations::new();
        let locale = if self.locale.is_empty() { defaults.locale.clone() } else { self.locale };
        let is_one = kernel::id::is_language_tag(&locale);
        violations.check(is_one, "locale", "must be a BCP 47 tag such as `zh` or `en`");
        let locale = if is_one { language::canonical(&locale) } else { locale };
        let kind = match self.kind.as_str() {
            "" => Some(ArticleKind::Faq),
            name => ArticleKind::from_str_name(&format!("ARTICLE_KIND_{}", name.to_uppercase())),
        };
        violations.check(kind.is_some(), "kind", "is none that there is");
        let level = match self.audience.as_str() {
            "" => Some(defaults.audience.unwrap_or(AudienceLevel::Agent)),
            name => {
                AudienceLevel::from_str_name(&format!("AUDIENCE_LEVEL_{}", name.to_uppercase()))
            }
        };
        violations.check(level.is_some(), "audience", "is none that there is");
        let says_audience =
            defaults.audience.is_some() || !self.audience.is_empty() || !self.teams.is_empty();
        let teams = self.teams.iter().all(|team| is_slug(team));
        violations.check(teams, "teams", "must be ids of teams");
        let valid_from = time(&self.valid_from, ALWAYS, "valid_from", &mut violations);
        let valid_until = time(&self.valid_until, NEVER, "valid_until", &mut violations);
        let profile = Profile {
            kind: kind.unwrap_or_default(),
            audience: Audience { level: level.unwrap_or_default(), teams: distinct(self.teams) },
            products: distinct(self.products),
            tags: distinct(self.tags),
            valid_from,
            valid_until,
        };
        profile.check(|field| field.trim_end_matches("_time").to_owned(), &mut violations);
        let questions = distinct(self.similar_questions);
        let words = Words { title: self.title, body: self.body, questions };
        words.check(str::to_owned, &mut violations);
        violations.text("external_id", &self.external_id, 0, MAX_EXTERNAL_ID);
        let external_id = if self.external_id.is_empty() {
            by_title(&locale, &words.title)
        } else {
            self.external_id
        };
        let publish = self.publish.unwrap_or(defaults.publish);
        let row = Row { external_id, locale, profile, words, publish, says_audience };
        violations.finish(row).map_err(|violations| {
            let faults = violations.as_slice().iter();
            faults.map(|one| Fault::of(&one.field, &one.description)).collect()
        })
    }
}

/// What an article is found again by that has no id of its own: its language and its title.
fn by_title(locale: &str, title: &str) -> String {
    let hash = Sha256::digest(format!("{locale}\0{title}").as_bytes());
    let (half, _) = hash.split_at(16);
    let short = uuid::Uuid::from_slice(half).unwrap_or_default();
    format!("import:{locale}:{}", short.simple())
}

/// An instant in RFC 3339, or `absent` where nothing is said.
fn time(text: &str, absent: Time, field: &str, violations: &mut Violations) -> Time {
    if text.is_empty() {
        return absent;
    }
    let parsed = text.parse::<jiff::Timestamp>();
    let why = "must be a time such as `2026-11-11T00:00:00+08:00`";
    violations.check(parsed.is_ok(), field, why);
    parsed.map_or(absent, |time| Time::from_micros(time.as_microsecond()))
}
