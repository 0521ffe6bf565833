//! An article's life, its readers and what it is about.

use contracts::knowledge::v1::{ArticleKind, ArticleState};
use kernel::{ArticleId, Time, Violations, id::is_product_id, mask::Mask};

use super::{
    audience::{Audience, MAX_TEAMS},
    publication::{ALWAYS, NEVER, Publication},
};

/// The most products that an article is about.
pub const MAX_PRODUCTS: usize = 50;
/// The most tags.
pub const MAX_TAGS: usize = 20;
/// The longest tag, in characters.
pub const MAX_TAG: usize = 64;
/// The longest external id.
pub const MAX_EXTERNAL_ID: usize = 128;

/// The fields that may be written once there is an article.
pub const WRITABLE: &[&str] = &[
    "kind",
    "audience",
    "audience.level",
    "audience.teams",
    "products",
    "tags",
    "valid_from_time",
    "valid_until_time",
];

/// What is recorded of an article besides its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// What kind of article it is.
    pub kind: ArticleKind,
    /// Who may read it.
    pub audience: Audience,
    /// The ids of the products that it is about.
    pub products: Vec<String>,
    /// Words to file it under.
    pub tags: Vec<String>,
    /// From when on it is valid.
    pub valid_from: Time,
    /// Until when it is valid.
    pub valid_until: Time,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            kind: ArticleKind::Faq,
            audience: Audience::default(),
            products: Vec::new(),
            tags: Vec::new(),
            valid_from: ALWAYS,
            valid_until: NEVER,
        }
    }
}

impl Profile {
    /// Notes what is wrong with it; `at` gives the path of a field of the contract.
    pub fn check(&self, at: impl Fn(&str) -> String, violations: &mut Violations) {
        self.audience.check(&at("audience"), violations);
        let teams = self.audience.teams.len() <= MAX_TEAMS;
        violations.check(teams, &at("audience.teams"), "must be at most 20");
        violations.check(
            self.products.len() <= MAX_PRODUCTS,
            &at("products"),
            "must be at most 50",
        );
        for (index, id) in self.products.iter().take(MAX_PRODUCTS).enumerate() {
            let field = format!("{}[{index}]", at("products"));
            violations.check(is_product_id(id), &field, "must be of the form `products/{id}`");
        }
        violations.check(self.tags.len() <= MAX_TAGS, &at("tags"), "must be at most 20");
        for (index, tag) in self.tags.iter().take(MAX_TAGS).enumerate() {
            violations.text(&format!("{}[{index}]", at("tags")), tag, 1, MAX_TAG);
        }
        let valid = self.valid_from < self.valid_until;
        violations.check(valid, &at("valid_until_time"), "must be after `valid_from_time`");
    }

    /// The profile after an update.
    #[must_use]
    pub fn updated(&self, given: &Self, mask: &Mask) -> Self {
        let mut after = self.clone();
        if mask.has("kind") {
            after.kind = given.kind;
        }
        if mask.has("audience") || mask.has("audience.level") {
            after.audience.level = given.audience.level;
        }
        if mask.has("audience") || mask.has("audience.teams") {
            after.audience.teams.clone_from(&given.audience.teams);
        }
        if mask.has("products") {
            after.products.clone_from(&given.products);
        }
        if mask.has("tags") {
            after.tags.clone_from(&given.tags);
        }
        if mask.has("valid_from_time") {
            after.valid_from = given.valid_from;
        }
        if mask.has("valid_until_time") {
            after.valid_until = given.valid_until;
        }
        after
    }

    /// The fields in which it differs from another.
    pub fn differences(&self, other: &Self) -> Vec<&'static str> {
        let differ = [
            ("kind", self.kind != other.kind),
            ("audience.level", self.audience.level != other.audience.level),
            ("audience.teams", self.audience.teams != other.audience.teams),
            ("products", self.products != other.products),
            ("tags", self.tags != other.tags),
            ("valid_from_time", self.valid_from != other.valid_from),
            ("valid_until_time", self.valid_until != other.valid_until),
        ];
        differ.into_iter().filter(|(_, differs)| *differs).map(|(field, _)| field).collect()
    }
}

/// An article, without its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Article {
    /// Its id.
    pub id: ArticleId,
    /// The version.
    pub version: i64,
    /// The sequence of its last event.
    pub sequence: i64,
    /// When that was.
    pub last_at: Time,
    /// What is recorded of it.
    pub profile: Profile,
    /// What another system calls it.
    pub external_id: Option<String>,
    /// When it is or was archived; [`NEVER`] while nobody did.
    pub archived_at: Time,
    /// How many revisions were written.
    pub revisions: i64,
    /// When it was recorded.
    pub created_at: Time,
    /// When it last changed.
    pub updated_at: Time,
}

impl Article {
    /// The next version of it, with the next event, at `at`.
    #[must_use]
    pub fn next(&self, at: Time) -> Self {
        let (version, sequence) = (self.version + 1, self.sequence + 1);
        Self { version, sequence, last_at: at, updated_at: at, ..self.clone() }
    }

    /// Whether it is archived at an instant.
    pub fn is_archived(&self, at: Time) -> bool {
        self.archived_at <= at
    }

    /// Whether readers of its audience see what is published of it at an instant.
    pub fn is_open(&self, at: Time) -> bool {
        let profile = &self.profile;
        profile.valid_from <= at && at < profile.valid_until && !self.is_archived(at)
    }

    /// When readers see a publication of it: from when until when. Empty where the first is not before
    /// the second.
    pub fn window(&self, publication: &Publication) -> (Time, Time) {
        let profile = &self.profile;
        let from = publication.from.max(profile.valid_from);
        (from, publication.until.min(profile.valid_until).min(self.archived_at))
    }

    /// Where it stands at an instant, with these of its publications: those that are live then or
    /// later.
    pub fn state(&self, publications: &[Publication], at: Time) -> ArticleState {
        if self.is_archived(at) {
            ArticleState::Archived
        } else if publications.is_empty() {
            ArticleState::Draft
        } else if self.profile.valid_until <= at {
            ArticleState::Expired
        } else if self.profile.valid_from > at || !publications.iter().any(|one| one.is_live(at)) {
            ArticleState::Scheduled
        } else {
            ArticleState::Published
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(micros: i64) -> Time {
        Time::from_micros(micros)
    }

    fn article() -> Article {
        Article {
            id: ArticleId::from(uuid::Uuid::nil()),
            version: 1,
            sequence: 1,
            last_at: at(0),
            profile: Profile::default(),
            external_id: None,
            archived_at: NEVER,
            revisions: 1,
            created_at: at(0),
            updated_at: at(0),
        }
    }

    fn published(from: i64, until: Time) -> Publication {
        Publication { locale: "zh".to_owned(), revision: 1, from: at(from), until }
    }

    #[test]
    fn the_state_follows_the_instants() {
        let mut article = article();
        assert_eq!(article.state(&[], at(5)), ArticleState::Draft);
        let live = [published(10, NEVER)];
        assert_eq!(article.state(&live, at(9)), ArticleState::Scheduled);
        assert_eq!(article.state(&live, at(10)), ArticleState::Published);
        article.profile.valid_from = at(20);
        article.profile.valid_until = at(30);
        assert_eq!(article.state(&live, at(19)), ArticleState::Scheduled);
        assert_eq!(article.state(&live, at(29)), ArticleState::Published);
        assert_eq!(article.state(&live, at(30)), ArticleState::Expired);
        article.archived_at = at(25);
        assert_eq!(article.state(&live, at(24)), ArticleState::Published);
        assert_eq!(article.state(&live, at(25)), ArticleState::Archived);
    }

    proptest! {
        /// What is in the index by its window is what is live by the rules.
        #[test]
        fn a_window_is_when_readers_see_it(
            from in -5_i64..5, length in 0_i64..6, valid_from in -5_i64..5, valid in 1_i64..6,
            archived in -5_i64..8, now in -6_i64..9,
        ) {
            let mut article = article();
            article.profile.valid_from = at(valid_from);
            article.profile.valid_until = at(valid_from + valid);
            article.archived_at = at(archived);
            let publication = published(from, at(from + length));
            let (first, end) = article.window(&publication);
            let seen = first <= at(now) && at(now) < end;
            prop_assert_eq!(seen, publication.is_live(at(now)) && article.is_open(at(now)));
        }
    }
}
