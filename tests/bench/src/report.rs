//! What was measured, for people and for programs.

use std::{fs, path::Path};

use anyhow::Result;
use serde::Serialize;

use crate::rounds::{Comparison, Figures, Spread};

/// Where and when it was measured.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) processors: usize,
    pub(crate) model: String,
    pub(crate) memory_gib: u64,
    pub(crate) kernel: String,
    pub(crate) postgres: String,
    pub(crate) time: String,
}

impl Machine {
    /// This one, now.
    pub(crate) fn here(postgres: &str) -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
            line.split_once(':').map_or("", |(_, value)| value).trim().to_owned()
        };
        let memory = field(&read("/proc/meminfo"), "MemTotal");
        let memory = memory.split(' ').next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0);
        Self {
            processors: std::thread::available_parallelism().map_or(0, Into::into),
            model: field(&read("/proc/cpuinfo"), "model name"),
            memory_gib: memory / (1 << 20),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            postgres: postgres.split(" on ").next().unwrap_or_default().to_owned(),
            time: kernel::Clock::system().now().to_string(),
        }
    }
}

/// One bench with what it found.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Section {
    pub(crate) bench: &'static str,
    pub(crate) a: &'static str,
    pub(crate) b: &'static str,
    /// What is aimed at.
    pub(crate) aims: &'static [Aim],
    /// What else there is to know, for instance whose processor time is counted.
    pub(crate) note: &'static str,
    pub(crate) compared: Vec<Comparison>,
}

/// What a ratio of A to B is to be.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Aim {
    /// Calls a second.
    RateAtLeast(f64),
    /// Processor time for each call.
    CpuAtMost(f64),
    /// The median latency.
    P50AtMost(f64),
}

impl Aim {
    fn ratio(self) -> &'static str {
        match self {
            Self::RateAtLeast(_) => "rate A/B",
            Self::CpuAtMost(_) => "cpu A/B",
            Self::P50AtMost(_) => "p50 A/B",
        }
    }

    fn told(self) -> String {
        match self {
            Self::RateAtLeast(least) => format!("at least {least}"),
            Self::CpuAtMost(most) | Self::P50AtMost(most) => format!("at most {most}"),
        }
    }

    /// What was measured, and whether that is what it is to be.
    fn of(self, one: &Comparison) -> (f64, bool) {
        match self {
            Self::RateAtLeast(least) => (one.rate.median, one.rate.median >= least),
            Self::CpuAtMost(most) => (one.cpu.median, one.cpu.median <= most),
            Self::P50AtMost(most) => (one.p50.median, one.p50.median <= most),
        }
    }
}

/// Everything, as it goes into the file.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) rounds: usize,
    pub(crate) seconds: f64,
    pub(crate) sections: Vec<Section>,
}

impl Report {
    /// Writes the file.
    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        fs::write(file, serde_json::to_vec_pretty(self)?)?;
        Ok(())
    }

    /// The tables.
    pub(crate) fn print(&self) {
        let Machine { processors, model, memory_gib, kernel, postgres, time } = &self.machine;
        println!("\n{processors} × {model}, {memory_gib} GiB, Linux {kernel}, {postgres}, {time}");
        println!(
            "Client, server and database share these processors; medians of {} rounds of {} s, A and B \
             in turn. Absolute numbers drift with the machine: compare ratios only.",
            self.rounds, self.seconds
        );
        for section in &self.sections {
            println!("\n{}: A = {}, B = {}", section.bench, section.a, section.b);
            println!("{}", section.note);
            table(&section.compared);
        }
        self.print_aims();
    }
}

impl Report {
    /// All that is aimed at, in one table.
    fn print_aims(&self) {
        println!("\n{:25} {:39} {:4}  {:8}  {:>8}  aim", "bench", "calls", "", "ratio", "measured");
        for Section { bench, aims, compared, .. } in &self.sections {
            for one in compared {
                let what = format!("{bench:25} {:39} c={:<2}", one.name, one.concurrency);
                for aim in *aims {
                    let (measured, met) = aim.of(one);
                    let (ratio, told) = (aim.ratio(), aim.told());
                    let met = if met { "met" } else { "missed" };
                    println!("{what}  {ratio:8}  {measured:8.2}  {told}: {met}");
                }
                if aims.is_empty() {
                    println!("{what}  {:8}  {:8.2}  none", "cpu A/B", one.cpu.median);
                }
            }
        }
    }
}

/// Prints a table.
pub(crate) fn table(compared: &[Comparison]) {
    println!("{}", HEAD.join("  "));
    for one in compared {
        println!("{}", row(one));
    }
}

const HEAD: [&str; 11] = [
    "                                      calls",
    "   A/s",
    "   B/s",
    "rate A/B (least–most)",
    "A cpu = server + pg",
    "B cpu = server + pg",
    " cpu A/B (least–most)",
    "A p50",
    "B p50",
    "p50 A/B",
    "beside",
];

/// One line of a table: processor time in milliseconds per call, latencies in milliseconds.
pub(crate) fn row(one: &Comparison) -> String {
    let spread = |s: &Spread| format!("{:5.2} ({:5.2} –{:5.2})", s.median, s.least, s.most);
    let cpu = |side: &Figures| {
        let (server, postgres) = (side.server_cpu, side.postgres_cpu);
        format!("{:5.3} = {server:5.3} + {postgres:5.3}", server + postgres)
    };
    format!(
        "{:39} c={:<2}  {:6.0}  {:6.0}  {}  {}  {}  {}  {:5.2}  {:5.2}  {:7.2}  {:6.2}",
        one.name,
        one.concurrency,
        one.a.rate,
        one.b.rate,
        spread(&one.rate),
        cpu(&one.a),
        cpu(&one.b),
        spread(&one.cpu),
        one.a.p50 / 1e3,
        one.b.p50 / 1e3,
        one.p50.median,
        f64::midpoint(one.a.beside, one.b.beside),
    )
}
