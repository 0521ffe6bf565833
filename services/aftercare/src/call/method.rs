//! Methods by name, and what the contracts say of them.

use anyhow::{Result, bail};
use prost_reflect::{MethodDescriptor, ServiceDescriptor};
use rpc::Methods;

/// A method that can be called.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// Its contract.
    pub(crate) descriptor: MethodDescriptor,
    /// Its path, `/package.Service/Method`.
    pub(crate) path: String,
    /// The service that has it; `type` for those that every process has.
    pub(crate) service: String,
    /// Whether it is on the admin port only.
    pub(crate) internal: bool,
}

/// The method of this name: `CreateTicket`, `TicketService/CreateTicket` (also with a dot) or the
/// full name.
pub(crate) fn find(name: &str) -> Result<Found> {
    let wanted = name.trim_start_matches('/').replace('/', ".");
    let matches = |full: &str| {
        full == wanted || full.strip_suffix(&wanted).is_some_and(|front| front.ends_with('.'))
    };
    let found: Vec<_> = all().filter(|method| matches(method.full_name())).collect();
    match found.as_slice() {
        [one] => known(one),
        [] => bail!("there is no method `{name}`; `aftercare call --list` shows them"),
        several => {
            let names: Vec<_> = several.iter().map(short).collect();
            bail!("`{name}` is one of {}: name the service too", names.join(", "))
        }
    }
}

fn known(descriptor: &MethodDescriptor) -> Result<Found> {
    let path = format!("/{}/{}", descriptor.parent_service().full_name(), descriptor.name());
    let methods = Methods::read(&contracts::POOL);
    let Some(method) = methods.get(&path) else {
        bail!("`{path}` has no permission in its contract, so nobody may call it");
    };
    let (service, internal) = (method.service.clone(), method.internal);
    Ok(Found { descriptor: descriptor.clone(), path, service, internal })
}

/// Prints the methods whose short name contains `part`, each with what it does.
pub(crate) fn list(part: &str) {
    let part = part.to_ascii_lowercase();
    let mut lines: Vec<_> = all()
        .filter(|method| short(method).to_ascii_lowercase().contains(&part))
        .map(|method| (short(&method), summary(&method)))
        .collect();
    lines.sort();
    let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, summary) in lines {
        println!("{name:width$}  {summary}");
    }
}

fn all() -> impl Iterator<Item = MethodDescriptor> {
    contracts::POOL
        .services()
        .filter(|service| service.package_name().starts_with("aftercare."))
        .flat_map(|service: ServiceDescriptor| service.methods().collect::<Vec<_>>())
}

fn short(method: &MethodDescriptor) -> String {
    format!("{}/{}", method.parent_service().name(), method.name())
}

/// The first sentence of a method's comment.
fn summary(method: &MethodDescriptor) -> String {
    let file = method.parent_file();
    let info = file.file_descriptor_proto().source_code_info.as_ref();
    let comment = info
        .and_then(|info| info.location.iter().find(|place| place.path == method.path()))
        .map(|place| place.leading_comments().split_whitespace().collect::<Vec<_>>().join(" "))
        .unwrap_or_default();
    match comment.split_once(". ") {
        Some((first, _)) => format!("{first}."),
        None => comment,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_found_by_any_of_its_names() {
        for name in [
            "CreateTicket",
            "TicketService/CreateTicket",
            "TicketService.CreateTicket",
            "aftercare.tickets.v1.TicketService/CreateTicket",
            "/aftercare.tickets.v1.TicketService/CreateTicket",
        ] {
            let found = find(name).unwrap();
            assert_eq!(found.path, "/aftercare.tickets.v1.TicketService/CreateTicket");
            assert_eq!((found.service.as_str(), found.internal), ("tickets", false));
        }
        assert!(find("GetClock").unwrap().internal);
        assert!(find("Ticket").is_err() && find("").is_err());
    }

    #[test]
    fn every_method_says_in_one_sentence_what_it_does() {
        assert_eq!(summary(&find("CreateTicket").unwrap().descriptor), "Records a matter.");
        for method in all() {
            let summary = summary(&method);
            assert!(
                summary.ends_with(['.', ':']) && summary.len() > 5,
                "{}: {summary}",
                method.name()
            );
        }
    }
}
