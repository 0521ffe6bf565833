//! How a tenant of the seed works, in the words of tickets.

use std::collections::BTreeMap;

use anyhow::Result;
use config::seed;
use contracts::tickets::v1::Kind;
use tickets::domain::routing::{Profile, Queue, Routing, Staff};

/// A tenant as tickets needs it.
pub(crate) fn of(tenant: &seed::Tenant) -> Result<tickets::Tenant> {
    // Tickets tries queues in order and leaves what is left to the last one.
    let (last, first): (Vec<_>, Vec<_>) = tenant.queues.iter().partition(|queue| queue.default);
    let queues = first.into_iter().chain(last).map(queue).collect::<Result<_>>()?;
    let mut agents = BTreeMap::new();
    for member in &tenant.members {
        if let Some(written) = &member.routing {
            agents.insert(member.id.clone(), profile(written)?);
        }
    }
    let staff = |member: &seed::Member| Staff {
        member: member.id.clone(),
        roles: member.roles.clone(),
        teams: member.teams.clone(),
        active: true,
    };
    Ok(tickets::Tenant {
        id: tenant.id,
        routing: Routing { queues, agents },
        staff: tenant.members.iter().map(staff).collect(),
        time_zone: tenant.time_zone.clone(),
        phone_region: tenant.phone_region.clone(),
    })
}

fn queue(queue: &seed::Queue) -> Result<Queue> {
    let mut kinds =
        queue.kinds.iter().map(|name| crate::seed::kind(name)).collect::<Result<_>>()?;
    if queue.kinds.is_empty() && !queue.default {
        // None named means all; to tickets it means none.
        kinds = (1..).map_while(|number| Kind::try_from(number).ok()).collect();
    }
    let channels = queue.channels.iter().map(|name| crate::seed::channel(name));
    Ok(Queue {
        id: queue.id.clone(),
        title: queue.title.clone(),
        team: queue.team.clone(),
        kinds,
        channels: channels.collect::<Result<_>>()?,
        languages: queue.languages.clone(),
        max_wait: i64::try_from(queue.max_wait.as_micros())?,
    })
}

fn profile(routing: &seed::Routing) -> Result<Profile> {
    Ok(Profile {
        queues: routing.queues.clone(),
        skills: routing.skills.clone(),
        languages: routing.languages.clone(),
        capacity: i32::try_from(routing.capacity)?,
    })
}

#[cfg(test)]
mod tests {
    use config::Seed;
    use contracts::tickets::v1::Channel;

    use super::*;

    #[test]
    fn shipped_tenants_route_as_their_seed_says() {
        let seed = Seed::shipped();
        let tenant = of(&seed.tenants[0]).unwrap();
        let to = |kind| {
            let queue = tenant.routing.queue_for(kind, Channel::Phone, "en");
            queue.unwrap().id.clone()
        };
        assert_eq!(to(Kind::Complaint), "complaints");
        assert_eq!(to(Kind::Inquiry), "inquiries");
        assert_eq!(to(Kind::Fault), "general");
        assert_eq!(tenant.routing.agents["amy"].capacity, 40);
        assert!(!tenant.routing.agents.contains_key("grace"), "an admin takes no tickets");
    }

    #[test]
    fn a_queue_without_kinds_takes_all_and_the_default_one_comes_last() {
        let text = Seed::SHIPPED.replace("kinds = [\"complaint\", \"negative_review\"]\n", "");
        let seed = Seed::parse(&text).unwrap();
        let tenant = of(&seed.tenants[0]).unwrap();
        let queue = tenant.routing.queue_for(Kind::Fault, Channel::Phone, "en").unwrap();
        assert_eq!(queue.id, "complaints");
        assert_eq!(tenant.routing.queues.last().unwrap().id, "general");
    }
}
