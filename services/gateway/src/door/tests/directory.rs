//! A directory in memory: `harbor` (1), `qingfeng` (2) and `closed` (3), which is suspended.

use std::time::Duration;

use contracts::gateway::v1::TenantState;
use futures::future::ready;
use kernel::{ApiKeyId, Locale, Role, TenantId, Time, keys};
use uuid::Uuid;

use super::{NOW, STAFF, tenant};
use crate::{
    directory::{KeyFacts, MemberFacts, TenantFacts},
    domain::api_key::Secret,
    door::{Away, Directory, Look},
};

pub(super) struct Kept;

/// The text of key `n`; the secret is made as long as all are.
pub(super) fn key(n: u128, secret: &str) -> String {
    format!("ak_{}_{secret:-<43}", Uuid::from_u128(n).simple())
}

fn found<'a, T: Send + 'a>(what: Option<T>) -> Look<'a, T> {
    Box::pin(ready(Ok(what)))
}

fn tenants() -> Vec<(&'static str, TenantFacts)> {
    let facts = |n, suspended, locale| TenantFacts {
        id: tenant(n),
        slug: format!("tenant-{n}"),
        title: String::new(),
        time_zone: "UTC".to_owned(),
        state: if suspended { TenantState::Suspended } else { TenantState::Active },
        locale,
        origins: Vec::new(),
        quota: None,
    };
    vec![
        ("harbor", facts(1, false, Locale::En)),
        ("qingfeng", facts(2, false, Locale::Zh)),
        ("closed", facts(3, true, Locale::En)),
    ]
}

fn members() -> Vec<(u128, &'static str, MemberFacts)> {
    let facts = |id: &str, active| MemberFacts {
        id: id.to_owned(),
        roles: vec![Role::Agent],
        teams: vec!["first-line".to_owned()],
        locale: Some(Locale::Zh),
        active,
    };
    vec![
        (1, "u-lin", facts("lin", true)),
        (1, "u-left", facts("left", false)),
        (2, "u-wang", facts("wang", true)),
        (3, "u-zoe", facts("zoe", true)),
    ]
}

fn api_keys() -> Vec<KeyFacts> {
    let secret = |text: &str, expires_at: Option<Time>| Secret {
        hash: keys::digest(format!("{text:-<43}").as_bytes()),
        hint: String::new(),
        created_at: NOW,
        expires_at,
    };
    let facts = |n, of, secret| KeyFacts {
        tenant: tenant(of),
        id: ApiKeyId::from(Uuid::from_u128(n)),
        scopes: vec!["tickets.read".to_owned()],
        expires_at: None,
        revoked: false,
        secrets: vec![secret],
    };
    let past = NOW - Duration::from_secs(1);
    vec![
        facts(7, 1, secret("seven", None)),
        KeyFacts { expires_at: Some(past), ..facts(8, 1, secret("eight", None)) },
        KeyFacts { revoked: true, ..facts(9, 1, secret("nine", None)) },
        facts(10, 2, secret("ten", None)),
        facts(11, 3, secret("eleven", None)),
        facts(12, 1, secret("twelve", Some(past))),
        KeyFacts { secrets: Vec::new(), ..facts(13, 1, secret("", None)) },
        facts(14, 99, secret("fourteen", None)),
    ]
}

impl Directory for Kept {
    fn tenant(&self, id: TenantId) -> Look<'_, TenantFacts> {
        found(tenants().into_iter().map(|(_, facts)| facts).find(|facts| facts.id == id))
    }

    fn tenant_by_slug<'a>(&'a self, slug: &'a str) -> Look<'a, TenantFacts> {
        if slug == "broken" {
            return Box::pin(ready(Err(Away("the database is away".into()))));
        }
        found(tenants().into_iter().find(|(of, _)| *of == slug).map(|(_, facts)| facts))
    }

    fn member<'a>(&'a self, of: TenantId, id: &'a str) -> Look<'a, MemberFacts> {
        let one = members().into_iter().find(|(n, _, facts)| tenant(*n) == of && facts.id == id);
        found(one.map(|(_, _, facts)| facts))
    }

    fn member_by_login<'a>(
        &'a self,
        of: TenantId,
        issuer: &'a str,
        subject: &'a str,
    ) -> Look<'a, MemberFacts> {
        let one = members().into_iter().find(|(n, login, _)| tenant(*n) == of && *login == subject);
        found(one.filter(|_| issuer == STAFF).map(|(_, _, facts)| facts))
    }

    fn api_key(&self, id: ApiKeyId) -> Look<'_, KeyFacts> {
        found(api_keys().into_iter().find(|key| key.id == id))
    }
}
