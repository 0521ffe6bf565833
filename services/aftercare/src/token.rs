//! Bearer tokens of the local issuer.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use config::{Config, Seed, seed::Tenant};
use kernel::{CallerKind, Clock, CustomerId, Role, keys::RootKeys};
use rpc::issuer::{LONGEST, LocalIssuer, Principal};

/// How long a token lives that a command makes for itself.
pub(crate) const SHORT: Duration = Duration::from_mins(5);

/// Who the token is for.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Who {
    /// A role: agent, supervisor, admin, auditor, integration, customer, operator, …
    #[arg(long, value_parser = role, default_value = "agent")]
    pub(crate) role: Role,
    /// The tenant's slug; the first of the seed where none is named.
    #[arg(long, value_name = "SLUG")]
    pub(crate) tenant: Option<String>,
    /// A member of the staff who has the role; the first such where none is named.
    #[arg(long, value_name = "SLUG")]
    pub(crate) member: Option<String>,
    /// The customer, as `customers/ID` or the id alone; for the role customer.
    #[arg(long, value_name = "ID")]
    pub(crate) customer: Option<String>,
}

/// Arguments of `token`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    who: Who,
    /// How long it holds, at most 30d.
    #[arg(long, value_parser = config::duration::parse, default_value = "12h")]
    lifetime: Duration,
}

/// Prints a token, alone on standard output.
pub(crate) fn run(config: &Config, args: &Args) -> Result<()> {
    ensure!(args.lifetime <= LONGEST, "a token of the local issuer holds at most 30d");
    let seed = crate::seed::load(config)?;
    let tenant = crate::seed::tenant(&seed, args.who.tenant.as_deref())?;
    let principal = principal(tenant, &args.who)?;
    let token = issuer(config)?.issue(&principal, args.lifetime)?;
    let (kind, subject, slug) = (principal.kind.as_str(), &principal.subject, &tenant.slug);
    let lifetime = config::duration::format(args.lifetime);
    eprintln!("for {kind} `{subject}` of `{slug}`, holds for {lifetime}");
    println!("{token}");
    Ok(())
}

/// A short token, for a call that is made right away.
pub(crate) fn short(config: &Config, seed: &Seed, who: &Who) -> Result<String> {
    let tenant = crate::seed::tenant(seed, who.tenant.as_deref())?;
    Ok(issuer(config)?.issue(&principal(tenant, who)?, SHORT)?)
}

/// The local issuer, where it is not switched off.
pub(crate) fn issuer(config: &Config) -> Result<LocalIssuer> {
    ensure!(
        config.identity.local_issuer,
        "the local issuer is switched off (`identity.local_issuer`)"
    );
    let keys: RootKeys = config
        .root_keys()
        .context("a token needs the root key; `aftercare serve` makes one on its first run")?;
    Ok(LocalIssuer::new(&keys, Clock::system()))
}

/// The principal that holds the role.
pub(crate) fn principal(tenant: &Tenant, who: &Who) -> Result<Principal> {
    let of = |kind, subject: &str| Principal {
        tenant: tenant.id,
        kind,
        subject: subject.to_owned(),
        roles: Vec::new(),
        customer: None,
    };
    Ok(match who.role {
        Role::Anonymous | Role::Service => {
            bail!("nobody gets a token as {}", who.role.as_str())
        }
        Role::Integration => of(CallerKind::Integration, "local"),
        Role::Operator => of(CallerKind::Operator, "local"),
        Role::Customer => {
            let customer = customer(who.customer.as_deref())?;
            let subject = customer.uuid().to_string();
            Principal { customer: Some(customer), ..of(CallerKind::Customer, &subject) }
        }
        role => of(CallerKind::Member, &member(tenant, role, who.member.as_deref())?),
    })
}

fn member(tenant: &Tenant, role: Role, named: Option<&str>) -> Result<String> {
    let (slug, role_name) = (&tenant.slug, role.as_str());
    let Some(named) = named else {
        let first = tenant.members.iter().find(|member| member.roles.contains(&role));
        return first.map(|member| member.id.clone()).with_context(|| {
            format!("nobody of `{slug}` has the role {role_name}; name one with --member")
        });
    };
    let member = tenant.member(named).with_context(|| {
        let all: Vec<_> = tenant.members.iter().map(|member| member.id.as_str()).collect();
        format!("`{slug}` has no member `{named}`: there are {}", all.join(", "))
    })?;
    // Roles come from the directory, whatever the command asks for: say so instead of surprising.
    let has: Vec<_> = member.roles.iter().map(|role| role.as_str()).collect();
    if !member.roles.contains(&role) {
        eprintln!("note: `{named}` is no {role_name} but {}", has.join(", "));
    }
    Ok(member.id.clone())
}

fn customer(named: Option<&str>) -> Result<CustomerId> {
    let named = named.context("name the customer: --customer ID")?;
    let full = if named.starts_with("customers/") {
        named.to_owned()
    } else {
        format!("customers/{named}")
    };
    CustomerId::parse_name(&full).with_context(|| format!("`{named}` is no id of a customer"))
}

fn role(name: &str) -> Result<Role, String> {
    Role::parse(name).ok_or_else(|| {
        let all: Vec<_> = Role::ALL.iter().map(|role| role.as_str()).collect();
        format!("there are {}", all.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(role: Role) -> Who {
        Who { role, tenant: None, member: None, customer: None }
    }

    #[test]
    fn each_role_has_its_principal() {
        let seed = Seed::shipped();
        let tenant = &seed.tenants[0];
        assert_eq!(principal(tenant, &who(Role::Agent)).unwrap().subject, "amy");
        assert_eq!(principal(tenant, &who(Role::Supervisor)).unwrap().subject, "frank");
        let integration = principal(tenant, &who(Role::Integration)).unwrap();
        assert_eq!(integration.kind, CallerKind::Integration);
        assert!(principal(tenant, &who(Role::Service)).is_err());
        assert!(principal(tenant, &who(Role::Technician)).is_err());

        let named = Who { member: Some("erin".to_owned()), ..who(Role::Agent) };
        assert_eq!(principal(tenant, &named).unwrap().subject, "erin");
        let unknown = Who { member: Some("nobody".to_owned()), ..who(Role::Agent) };
        assert!(principal(tenant, &unknown).is_err());
    }

    #[test]
    fn a_customer_is_named_either_way() {
        let id = "019ab000-0000-7000-8000-000000000001";
        for text in [id.to_owned(), format!("customers/{id}")] {
            assert_eq!(customer(Some(&text)).unwrap().uuid().to_string(), id);
        }
        assert!(customer(Some("7")).is_err() && customer(None).is_err());
    }
}
