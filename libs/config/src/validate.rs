//! What must hold between settings. All that is wrong is told at once.

use std::time::Duration;

use calendar::{Calendar, CalendarSpec, Hours};
use http::Uri;
use kernel::{Role, Violations, keys::RootKeys};

use crate::{Config, SERVICES};

impl Config {
    pub(crate) fn validate(&self) -> Result<(), Violations> {
        let mut found = Violations::new();
        self.check_services(&mut found);
        self.check_ports(&mut found);
        self.check_exposure(&mut found);
        self.check_database(&mut found);
        self.check_keys(&mut found);
        crate::oidc::check(&self.identity.oidc, &mut found);
        self.check_telemetry(&mut found);
        for role in self.roles.keys() {
            let known = Role::parse(role).is_some();
            found.check(known, &format!("roles.{role}"), "is no role of the suite");
        }
        for (key, kept) in [("audit", self.audit.retention), ("search", self.search.retention)] {
            let long = kept >= Duration::from_hours(24);
            found.check(long, &format!("{key}.retention"), "must be a day or more");
        }
        self.check_contact(&mut found);
        self.check_limits(&mut found);
        found.finish(())
    }

    fn check_contact(&self, found: &mut Violations) {
        let contact = &self.contact;
        found.check((1..=1_000).contains(&contact.cap), "contact.cap", "must be 1 to 1000");
        let (hour, day) = (Duration::from_hours(1), Duration::from_hours(24));
        let period = (hour..=365 * day).contains(&contact.cap_period);
        found.check(period, "contact.cap_period", "must be an hour to 365d");
        let quiet = contact.quiet_hours().is_none_or(|hours| is_quiet(&hours));
        let form = "must be two times that differ, such as `21:00-08:00`, or `none`";
        found.check(quiet, "contact.quiet_hours", form);
        let grant = (Duration::from_mins(1)..=day).contains(&contact.grant);
        found.check(grant, "contact.grant", "must be a minute to a day");
    }

    fn check_limits(&self, found: &mut Violations) {
        let limits = &self.limits;
        let some = !limits.connection_age.is_zero();
        found.check(some, "limits.connection_age", "must be more than nothing");
        for (key, calls) in [
            ("tenant_rate", limits.tenant_rate),
            ("tenant_burst", limits.tenant_burst),
            ("credential_rate", limits.credential_rate),
            ("credential_burst", limits.credential_burst),
            ("visitor_rate", limits.visitor_rate),
            ("visitor_burst", limits.visitor_burst),
            ("calls_at_once", limits.calls_at_once),
        ] {
            let right = (1..=100_000).contains(&calls);
            found.check(right, &format!("limits.{key}"), "must be 1 to 100000");
        }
    }

    fn check_services(&self, found: &mut Violations) {
        for (name, service) in &self.services {
            if !SERVICES.contains(&name.as_str()) {
                let all = SERVICES.join(", ");
                found.add(format!("services.{name}"), format!("is no service: there are {all}"));
            }
            if let Some(link) = &service.link {
                let path = format!("services.{name}.link");
                let right = link.split(',').all(|uri| is_link(uri.trim()));
                let form = "must be `http://HOST:PORT`, or several of them with commas between";
                found.check(right, &path, form);
            }
        }
    }

    /// No two ports of one section are the same.
    fn check_ports(&self, found: &mut Violations) {
        let alone = SERVICES.map(|name| vec![name]);
        for running in alone.iter().map(Vec::as_slice).chain([SERVICES.as_slice()]) {
            let at = self.addresses(running);
            let ports: Vec<_> =
                [at.public, at.peer, Some(at.admin)].into_iter().flatten().collect();
            for (index, address) in ports.iter().enumerate() {
                if address.port() != 0 && ports[..index].contains(address) {
                    let of = if running.len() == 1 { running[0] } else { "all services" };
                    let twice = format!("gives a process with {of} {address} twice");
                    found.add("server", twice);
                }
            }
        }
    }

    fn check_exposure(&self, found: &mut Violations) {
        let production = self.environment.production;
        let reachable = |path: &str, address: std::net::SocketAddr| {
            (!address.ip().is_loopback()).then(|| format!("{path} is {address}, not loopback"))
        };
        let binds = self.binds();
        if self.clock.is_virtual == Some(true) {
            found.check(!production, "clock.virtual", "must not be set in production");
            if let Some(open) = binds.iter().find_map(|(path, at)| reachable(path, *at)) {
                found.add("clock.virtual", format!("must not be set while {open}"));
            }
        }
        if self.identity.local_issuer {
            found.check(!production, "identity.local_issuer", "must be false in production");
            let public = binds.iter().filter(|(path, _)| path.ends_with(".public"));
            if let Some(open) = public.into_iter().find_map(|(path, at)| reachable(path, *at)) {
                found.add("identity.local_issuer", format!("must be false while {open}"));
            }
        }
    }

    fn check_database(&self, found: &mut Violations) {
        let url = &self.database.url;
        let sqlite = url.sqlite_folder().is_some_and(|folder| !folder.is_empty());
        let postgres =
            ["postgres://", "postgresql://"].iter().any(|scheme| url.reveal().starts_with(scheme));
        let form = "must be `sqlite:FOLDER` or `postgres://USER:PASSWORD@HOST:PORT/DATABASE`";
        found.check(sqlite || postgres, "database.url", form);
        let size = (3..=100).contains(&self.database.max_connections);
        found.check(size, "database.max_connections", "must be 3 to 100");
    }

    fn check_telemetry(&self, found: &mut Violations) {
        if let Some(otlp) = &self.telemetry.otlp {
            found.check(is_link(otlp), "telemetry.otlp", "must be `http://HOST:PORT`");
        }
        let ratio = (0.0..=1.0).contains(&self.telemetry.sampling_ratio);
        found.check(ratio, "telemetry.sampling_ratio", "must be 0 to 1");
    }

    fn check_keys(&self, found: &mut Violations) {
        let form = "must be 64 hexadecimal digits";
        let is_key = |text: &str| RootKeys::parse(text, &[]).is_ok();
        if let Some(root) = &self.keys.root {
            found.check(is_key(root.reveal()), "keys.root", form);
        }
        for (name, keys) in [("retired", &self.keys.retired), ("changing", &self.keys.changing)] {
            for (index, key) in keys.0.iter().enumerate() {
                found.check(is_key(key.reveal()), &format!("keys.{name}[{index}]"), form);
            }
        }
    }
}

/// Whether these are hours of a day that leave some of it.
fn is_quiet(hours: &Hours) -> bool {
    let midnight = |time: &str| time == "00:00" || time == "24:00";
    let same = hours.from == hours.to || midnight(&hours.from) && midnight(&hours.to);
    let spec = CalendarSpec::daily("UTC", std::slice::from_ref(hours));
    !same && Calendar::parse(&spec).is_ok()
}

fn is_link(text: &str) -> bool {
    text.parse::<Uri>().is_ok_and(|uri| {
        uri.scheme_str() == Some("http") && uri.port().is_some() && matches!(uri.path(), "" | "/")
    })
}
