//! What processes have used of the processors, from `/proc`.
//!
//! User and system time, in ticks of 10 ms. PostgreSQL is its first process with all its children;
//! those that ended are in the times of children that the first one has waited for.

use std::fs;

use anyhow::{Context, Result};

/// Ticks a second in `/proc`, on every architecture that Linux runs us on.
const TICKS: f64 = 100.0;

/// The processes whose time counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    /// Ours: the suite, the echo, the bare transaction's program.
    pub(crate) server: Option<u32>,
    /// What works behind the server and counts as no other process.
    pub(crate) behind: Option<u32>,
    /// PostgreSQL's first process.
    pub(crate) postgres: u32,
}

/// Seconds of processor time up to now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub(crate) server: f64,
    pub(crate) behind: f64,
    pub(crate) postgres: f64,
    /// The process that makes the load: this one.
    pub(crate) load: f64,
    /// Everything on the machine.
    pub(crate) machine: f64,
}

impl Measured {
    /// The times at this moment.
    pub(crate) fn times(&self) -> Result<Times> {
        let of = |pid: Option<u32>| match pid {
            Some(pid) => Stat::of(&pid.to_string()).map(|stat| stat.own),
            None => Ok(0.0),
        };
        Ok(Times {
            server: of(self.server)?,
            behind: of(self.behind)?,
            postgres: family(self.postgres)?,
            load: Stat::of("self")?.own,
            machine: machine()?,
        })
    }
}

impl Times {
    /// What was used since `earlier`.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        Self {
            server: self.server - earlier.server,
            behind: self.behind - earlier.behind,
            postgres: self.postgres - earlier.postgres,
            load: self.load - earlier.load,
            machine: self.machine - earlier.machine,
        }
    }

    /// What other processes of the machine used.
    pub(crate) fn beside(&self) -> f64 {
        (self.machine - self.server - self.behind - self.postgres - self.load).max(0.0)
    }
}

/// Seconds of processor time of this process up to now.
pub(crate) fn own() -> Result<f64> {
    Ok(Stat::of("self")?.own)
}

struct Stat {
    parent: u32,
    own: f64,
    waited: f64,
}

impl Stat {
    fn of(pid: &str) -> Result<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat"))
            .with_context(|| format!("process {pid} is gone"))?;
        Self::parse(&text).with_context(|| format!("/proc/{pid}/stat has another form"))
    }

    /// proc(5): parent, user, system, children's user and system are fields 4 and 14 to 17; the
    /// name in parentheses may hold anything.
    fn parse(text: &str) -> Option<Self> {
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let ticks = |index: usize| fields.get(index)?.parse::<f64>().ok();
        Some(Self {
            parent: fields.get(1)?.parse().ok()?,
            own: (ticks(11)? + ticks(12)?) / TICKS,
            waited: (ticks(13)? + ticks(14)?) / TICKS,
        })
    }
}

/// A process with its children, those that ended included.
fn family(first: u32) -> Result<f64> {
    let stat = Stat::of(&first.to_string())?;
    let mut total = stat.own + stat.waited;
    for entry in fs::read_dir("/proc")?.flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().filter(|name| name.bytes().all(|b| b.is_ascii_digit()))
        else {
            continue;
        };
        // One that has just ended is with those that were waited for.
        if let Ok(child) = Stat::of(pid)
            && child.parent == first
        {
            total += child.own;
        }
    }
    Ok(total)
}

/// The parent of a process: of a PostgreSQL backend, its first process.
pub(crate) fn parent(pid: u32) -> Result<u32> {
    Ok(Stat::of(&pid.to_string())?.parent)
}

/// proc(5): user, nice, system, idle, iowait, irq, softirq, …
fn machine() -> Result<f64> {
    let text = fs::read_to_string("/proc/stat")?;
    let line = text.lines().next().context("/proc/stat is empty")?;
    let fields: Vec<f64> =
        line.split_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect();
    let busy = [0, 1, 2, 5, 6].iter().filter_map(|index| fields.get(*index));
    Ok(busy.sum::<f64>() / TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_parentheses_moves_no_field() {
        let line = "7 (a) b) S 3 7 7 0 -1 4194560 1 2 3 4 150 50 20 30 20 0 1 0 99 0 0";
        let stat = Stat::parse(line).unwrap();
        assert_eq!(stat.parent, 3);
        assert!((stat.own - 2.0).abs() < 1e-9 && (stat.waited - 0.5).abs() < 1e-9);
    }

    #[test]
    fn this_process_is_there() {
        assert!(Stat::of("self").unwrap().parent > 0);
        assert!(machine().unwrap() > 0.0);
    }
}
