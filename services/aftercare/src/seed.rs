//! What the seed means to the rest of the suite: who may sign in, and whether its names are the
//! contract's.

use anyhow::{Context, Result};
use config::{Config, Seed, seed::Tenant};
use contracts::tickets::v1::{Channel, Kind};
use rpc::{Directory, Member};

/// The seed of a configuration, with names that the contracts know.
pub(crate) fn load(config: &Config) -> Result<Seed> {
    let seed = config.seed().context("the seed is wrong")?;
    check_names(&seed)?;
    Ok(seed)
}

/// The tenants and members that the edge lets in.
pub(crate) fn directory(seed: &Seed) -> Directory {
    let directory = Directory::new();
    for tenant in &seed.tenants {
        directory.add_tenant(tenant.id);
        for member in &tenant.members {
            let known = Member {
                roles: member.roles.clone(),
                teams: member.teams.clone(),
                locale: member.locale,
                active: true,
            };
            directory.put_member(tenant.id, &member.id, known);
        }
    }
    directory
}

/// The tenant of this slug; the first one where none is named.
pub(crate) fn tenant<'a>(seed: &'a Seed, slug: Option<&str>) -> Result<&'a Tenant> {
    let found = match slug {
        Some(slug) => seed.tenant(slug),
        None => seed.tenants.first(),
    };
    found.with_context(|| {
        let all: Vec<_> = seed.tenants.iter().map(|tenant| tenant.slug.as_str()).collect();
        format!("there is no tenant `{}`: there are {}", slug.unwrap_or(""), all.join(", "))
    })
}

/// Kinds and channels of queues are names of the contract's enums: one that is not would route
/// nothing.
fn check_names(seed: &Seed) -> Result<()> {
    for tenant in &seed.tenants {
        for queue in &tenant.queues {
            let place = || format!("the seed is wrong: queue `{}` of `{}`", queue.id, tenant.slug);
            for name in &queue.kinds {
                kind(name).with_context(place)?;
            }
            for name in &queue.channels {
                channel(name).with_context(place)?;
            }
        }
    }
    Ok(())
}

/// The kind of this name, such as `complaint`.
pub(crate) fn kind(name: &str) -> Result<Kind> {
    Kind::from_str_name(&format!("KIND_{}", name.to_ascii_uppercase()))
        .filter(|kind| *kind != Kind::Unspecified)
        .with_context(|| format!("there is no kind `{name}`"))
}

/// The channel of this name, such as `phone`.
pub(crate) fn channel(name: &str) -> Result<Channel> {
    Channel::from_str_name(&format!("CHANNEL_{}", name.to_ascii_uppercase()))
        .filter(|channel| *channel != Channel::Unspecified)
        .with_context(|| format!("there is no channel `{name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_seed_uses_the_contracts_names_and_others_are_refused() {
        check_names(&Seed::shipped()).unwrap();
        for (right, wrong) in
            [("\"complaint\"", "\"complaints\""), ("\"inquiry\"", "\"unspecified\"")]
        {
            let seed = Seed::parse(&Seed::SHIPPED.replace(right, wrong)).unwrap();
            assert!(check_names(&seed).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_first_tenant_is_the_default() {
        let seed = Seed::shipped();
        assert_eq!(tenant(&seed, None).unwrap().slug, "harbor");
        assert_eq!(tenant(&seed, Some("qingfeng")).unwrap().slug, "qingfeng");
        let error = tenant(&seed, Some("other")).unwrap_err().to_string();
        assert_eq!(
            error,
            "there is no tenant `other`: there are harbor, qingfeng, jiahe, meridian"
        );
    }
}
