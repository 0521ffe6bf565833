//! Readers: whose articles each of them reads, and how much of those.

use kernel::Role;

use super::{Book, State};
use crate::Desk;

/// The team that nobody is in.
const NOBODYS_TEAM: &str = "teams/nobodys";
/// The team that all members of the staff are in.
const STAFFS_TEAM: &str = "teams/front";
/// What a key reads with that writes nothing.
pub const READS: [&str; 6] = [
    "articles.read",
    "articles.search",
    "articles.vote",
    "articles.export",
    "searches.read",
    "feedback.read",
];

/// Whom an article is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum For {
    /// Everybody.
    Public,
    /// Customers who have signed in.
    Customers,
    /// Staff.
    Agents,
    /// Agents of the team that all members of the staff are in.
    Team,
    /// Agents of a team that nobody is in.
    OtherTeam,
    /// Senior agents and whoever ranks above them.
    SeniorAgents,
    /// Supervisors and whoever ranks with them.
    Supervisors,
}

impl For {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Public,
        Self::Customers,
        Self::Agents,
        Self::Team,
        Self::OtherTeam,
        Self::SeniorAgents,
        Self::Supervisors,
    ];
    /// The levels, the least first.
    pub const LEVELS: [Self; 5] =
        [Self::Public, Self::Customers, Self::Agents, Self::SeniorAgents, Self::Supervisors];

    /// The level, as the contract names it.
    pub fn level(self) -> &'static str {
        match self {
            Self::Public => "AUDIENCE_LEVEL_PUBLIC",
            Self::Customers => "AUDIENCE_LEVEL_CUSTOMER",
            Self::Agents | Self::Team | Self::OtherTeam => "AUDIENCE_LEVEL_AGENT",
            Self::SeniorAgents => "AUDIENCE_LEVEL_SENIOR_AGENT",
            Self::Supervisors => "AUDIENCE_LEVEL_SUPERVISOR",
        }
    }

    /// Each has a kind of article of its own, so that a count by kind tells of it.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Public => "ARTICLE_KIND_FAQ",
            Self::Customers => "ARTICLE_KIND_HOW_TO",
            Self::Agents => "ARTICLE_KIND_PRODUCT_SHEET",
            Self::Team => "ARTICLE_KIND_POLICY",
            Self::OtherTeam => "ARTICLE_KIND_NOTICE",
            Self::SeniorAgents => "ARTICLE_KIND_CASE",
            Self::Supervisors => "ARTICLE_KIND_SCRIPT",
        }
    }

    pub(super) fn teams(self) -> Vec<&'static str> {
        match self {
            Self::Team => vec![STAFFS_TEAM],
            Self::OtherTeam => vec![NOBODYS_TEAM],
            Self::Public
            | Self::Customers
            | Self::Agents
            | Self::SeniorAgents
            | Self::Supervisors => Vec::new(),
        }
    }

    /// Whether readers of `level` and no further find it.
    pub fn is_within(self, level: Self) -> bool {
        let rank = |level: &str| Self::LEVELS.iter().position(|one| one.level() == level);
        rank(self.level()) <= rank(level.level())
    }
}

/// How much of an article its reader sees, each more than the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sight {
    /// Not even that there is one.
    Nothing,
    /// What is live of it.
    Words,
    /// Also what it is called elsewhere, for whom it is, and who wrote it.
    Staff,
    /// Everything: notes, drafts, and what is to come.
    All,
}

/// A reader, and what they must see.
#[derive(Clone, Debug)]
pub struct Reader {
    /// Who it is, for reports.
    pub who: String,
    /// Their role.
    pub role: Role,
    /// What their key is narrowed to; `None` where nothing is.
    pub scopes: Option<&'static [&'static str]>,
    /// Whose articles they read.
    reads: &'static [For],
    staff: bool,
    writes: bool,
}

impl Reader {
    /// Everybody outside, by role, and a key that only reads.
    pub fn all() -> Vec<Self> {
        let mut all: Vec<_> = Desk::roles().into_iter().map(Self::of).collect();
        let (who, role) = ("a key that reads".to_owned(), Role::Integration);
        let reads: &[For] = &[For::Public, For::Customers, For::Agents];
        all.push(Self { who, role, scopes: Some(&READS), reads, staff: true, writes: false });
        all
    }

    /// What somebody with this role alone must see; as `anonymous`, a visitor of the help centre.
    ///
    /// # Panics
    /// Where nobody outside calls with it.
    pub fn of(role: Role) -> Self {
        use For::{Agents, Customers, Public, SeniorAgents, Supervisors, Team};
        let (reads, staff, writes): (&[For], _, _) = match role {
            Role::Anonymous => (&[Public], false, false),
            Role::Customer => (&[Public, Customers], false, false),
            Role::Agent => (&[Public, Customers, Agents, Team], true, false),
            Role::SeniorAgent => (&[Public, Customers, Agents, Team, SeniorAgents], true, false),
            Role::Supervisor | Role::Auditor => {
                (&[Public, Customers, Agents, Team, SeniorAgents, Supervisors], true, false)
            }
            Role::Editor | Role::Admin | Role::Integration => (&For::ALL, true, true),
            Role::Approver
            | Role::Supplier
            | Role::Technician
            | Role::PrivacyOfficer
            | Role::LinkHolder
            | Role::Operator => (&[], false, false),
            Role::Service => panic!("nobody outside calls as a process of the suite"),
        };
        Self { who: role.as_str().to_owned(), role, scopes: None, reads, staff, writes }
    }

    /// Whether an article is for them, whatever its state.
    pub fn is_meant_by(&self, audience: For) -> bool {
        self.reads.contains(&audience)
    }

    /// What they must see of a book.
    pub fn sight(&self, book: &Book) -> Sight {
        if self.writes {
            return Sight::All;
        }
        match (self.is_meant_by(book.audience) && book.state == State::Live, self.staff) {
            (false, _) => Sight::Nothing,
            (true, false) => Sight::Words,
            (true, true) => Sight::Staff,
        }
    }

    /// Whether they see that there is such a book.
    pub fn sees(&self, book: &Book) -> bool {
        self.sight(book) > Sight::Nothing
    }

    /// Whether they may write articles.
    pub fn writes(&self) -> bool {
        self.writes
    }

    /// Whether they are of the company.
    pub fn is_staff(&self) -> bool {
        self.staff
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_within_those_above_it() {
        assert!(For::Public.is_within(For::Customers) && !For::Team.is_within(For::Customers));
        assert!(For::Team.is_within(For::Agents) && !For::Supervisors.is_within(For::SeniorAgents));
    }
}
