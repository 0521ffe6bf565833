//! Bearer tokens of the local issuer.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use config::{Config, Seed, seed::Member};
use kernel::{CallerKind, Clock, CustomerId, Role, TenantId, id, keys::RootKeys};
use rpc::issuer::{LONGEST, LocalIssuer, Principal};

/// How long a token lives that a command makes for itself.
pub(crate) const SHORT: Duration = Duration::from_mins(5);

/// Who the token is for.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Who {
    /// A role: agent, supervisor, admin, auditor, integration, customer, operator, …
    #[arg(long, value_parser = role, default_value = "agent")]
    pub(crate) role: Role,
    /// The tenant: the slug of one in the seed, or the id of any; the first of the seed where none is
    /// named.
    #[arg(long, value_name = "SLUG|ID")]
    pub(crate) tenant: Option<String>,
    /// A member of the staff; the first in the seed who has the role where none is named.
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
    let principal = principal_in(&seed, &args.who)?;
    let token = issuer(config)?.issue(&principal, args.lifetime)?;
    let (kind, subject) = (principal.kind.as_str(), &principal.subject);
    let known = seed.tenants.iter().find(|tenant| tenant.id == principal.tenant);
    let tenant = known.map_or_else(|| principal.tenant.name(), |tenant| tenant.slug.clone());
    let lifetime = config::duration::format(args.lifetime);
    eprintln!("for {kind} `{subject}` of `{tenant}`, holds for {lifetime}");
    println!("{token}");
    Ok(())
}

/// A short token, for a call that is made right away.
pub(crate) fn short(config: &Config, seed: &Seed, who: &Who) -> Result<String> {
    Ok(issuer(config)?.issue(&principal_in(seed, who)?, SHORT)?)
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

/// The principal that is asked for, of the seed or of a tenant that was recorded since.
fn principal_in(seed: &Seed, who: &Who) -> Result<Principal> {
    let named = who.tenant.as_deref().unwrap_or_default();
    if let Some(id) = id::canonical(named.trim_start_matches("tenants/")) {
        let known = seed.tenants.iter().find(|tenant| tenant.id == TenantId::from(id));
        return principal(id.into(), known.map_or(&[], |tenant| &tenant.members), who);
    }
    let tenant = crate::seed::tenant(seed, who.tenant.as_deref())?;
    principal(tenant.id, &tenant.members, who)
}

/// The principal that holds the role. `staff` is who the seed says there is.
pub(crate) fn principal(tenant: TenantId, staff: &[Member], who: &Who) -> Result<Principal> {
    let of = |kind, subject: &str| Principal {
        tenant,
        kind,
        subject: subject.to_owned(),
        roles: Vec::new(),
        customer: None,
    };
    Ok(match who.role {
        Role::Anonymous | Role::LinkHolder | Role::Service => {
            bail!("nobody gets a token as {}", who.role.as_str())
        }
        Role::Integration => of(CallerKind::Integration, "local"),
        Role::Operator => of(CallerKind::Operator, "local"),
        Role::Customer => {
            let customer = customer(who.customer.as_deref())?;
            let subject = customer.uuid().to_string();
            Principal { customer: Some(customer), ..of(CallerKind::Customer, &subject) }
        }
        role => of(CallerKind::Member, &member(staff, role, who.member.as_deref())?),
    })
}

fn member(staff: &[Member], role: Role, named: Option<&str>) -> Result<String> {
    let Some(named) = named else {
        let first = staff.iter().find(|member| member.roles.contains(&role));
        return first.map(|member| member.id.clone()).with_context(|| {
            format!("the seed has nobody with the role {}; name one with --member", role.as_str())
        });
    };
    ensure!(id::is_slug(named), "`{named}` is no id of a member");
    // Roles come from the directory, whatever the command asks for: say so instead of surprising.
    match staff.iter().find(|member| member.id == named) {
        Some(member) if !member.roles.contains(&role) => {
            let has: Vec<_> = member.roles.iter().map(|role| role.as_str()).collect();
            eprintln!("note: `{named}` is no {} but {}", role.as_str(), has.join(", "));
        }
        Some(_) => {}
        None => eprintln!("note: `{named}` is not in the seed; the directory says who that is"),
    }
    Ok(named.to_owned())
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
        let principal = |who: &Who| principal_in(&seed, who);
        assert_eq!(principal(&who(Role::Agent)).unwrap().subject, "amy");
        assert_eq!(principal(&who(Role::Supervisor)).unwrap().subject, "frank");
        let integration = principal(&who(Role::Integration)).unwrap();
        assert_eq!(integration.kind, CallerKind::Integration);
        assert!(principal(&who(Role::Service)).is_err());
        assert!(principal(&who(Role::Technician)).is_err());

        let named = Who { member: Some("erin".to_owned()), ..who(Role::Agent) };
        assert_eq!(principal(&named).unwrap().subject, "erin");
        let wrong = Who { member: Some("No Body".to_owned()), ..who(Role::Agent) };
        assert!(principal(&wrong).is_err());
    }

    #[test]
    fn whoever_was_recorded_since_is_named_by_id() {
        let seed = Seed::shipped();
        let id = "019ab000-0000-7000-8000-000000000001";
        let grace = Who {
            tenant: Some(format!("tenants/{id}")),
            member: Some("grace".to_owned()),
            ..who(Role::Admin)
        };
        let found = principal_in(&seed, &grace).unwrap();
        assert_eq!((found.tenant.to_string().as_str(), found.subject.as_str()), (id, "grace"));
        let nobody = Who { member: None, ..grace };
        assert!(principal_in(&seed, &nobody).is_err());
        let elsewhere = Who { tenant: Some("other".to_owned()), ..who(Role::Admin) };
        assert!(principal_in(&seed, &elsewhere).is_err());
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
