//! `verify`: whether the databases of a suite are whole and agree with each other. It changes none of
//! their rows, and may run beside the suite: whoever names somebody is read first, so that what is
//! written meanwhile is no fault. Files of SQLite must be writable even so: SQLite keeps a log beside
//! them, for readers too.

pub(crate) mod feeds;
mod references;
mod timeline;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Result, bail};
use config::{Config, SERVICES};

use crate::serve::Databases;

/// Arguments of `verify`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A folder with the files of all services, instead of the database of the configuration.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// What one check came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Finding {
    what: String,
    checked: u64,
    wrong: u64,
    /// The first that was wrong.
    example: String,
}

impl Finding {
    fn of(what: impl Into<String>) -> Self {
        Self { what: what.into(), ..Self::default() }
    }

    /// Counts one more.
    fn look(&mut self, wrong: bool, example: impl FnOnce() -> String) {
        self.checked += 1;
        if wrong {
            if self.wrong == 0 {
                self.example = example();
            }
            self.wrong += 1;
        }
    }

    pub(crate) fn is_wrong(&self) -> bool {
        self.wrong > 0
    }

    /// The first that was wrong.
    pub(crate) fn example(&self) -> &str {
        &self.example
    }
}

/// Prints what was checked; the exit code is 1 where anything is wrong.
pub(crate) async fn run(config: &Config, args: &Args) -> Result<ExitCode> {
    let moved = args.data.as_ref().map(|folder| config.at_database(&url(folder)));
    report(moved.as_ref().unwrap_or(config)).await
}

/// The address of a folder of files.
pub(crate) fn url(folder: &Path) -> String {
    format!("sqlite:{}", folder.display())
}

/// Checks the database of a configuration and prints what came of it.
pub(crate) async fn report(config: &Config) -> Result<ExitCode> {
    must_be_there(config)?;
    let databases = Databases::open(config, &SERVICES).await?;
    let findings = examine(&databases).await;
    databases.close().await;
    let findings = findings?;
    print!("{}", table(&findings));
    let wrong = findings.iter().filter(|finding| finding.is_wrong()).count();
    if wrong > 0 {
        eprintln!("aftercare: {wrong} of {} checks found something wrong", findings.len());
        return Ok(ExitCode::FAILURE);
    }
    println!("the services agree");
    Ok(ExitCode::SUCCESS)
}

/// Refuses a folder where a file is missing: opening would make it.
pub(crate) fn must_be_there(config: &Config) -> Result<()> {
    for service in SERVICES {
        let url = config.database_url(service);
        if let Some(file) = url.strip_prefix("sqlite:").filter(|file| !Path::new(file).is_file()) {
            bail!("there is no {file}");
        }
    }
    Ok(())
}

async fn examine(databases: &Databases) -> Result<Vec<Finding>> {
    let mut findings = feeds::all(databases).await?;
    let places = feeds::places(databases).await?;
    findings.push(feeds::consumers(databases, &places).await?);
    findings.push(feeds::letters(databases).await?);
    findings.push(timeline::events(databases, &places).await?);
    findings.push(timeline::rows(databases).await?);
    for reference in &references::ALL {
        findings.push(reference.check(databases).await?);
    }
    findings.push(scores(databases).await?);
    Ok(findings)
}

/// The table of scores, counted anew.
async fn scores(databases: &Databases) -> Result<Finding> {
    let mut tx = databases.of("surveys")?.snapshot().await?;
    let recount = surveys::recount::recount(&mut tx).await?;
    tx.rollback().await?;
    let example = recount.first.map(|survey| format!("{survey} has another count"));
    Ok(Finding {
        what: "scores, counted anew".to_owned(),
        checked: recount.rows,
        wrong: recount.wrong,
        example: example.unwrap_or_default(),
    })
}

/// The findings in columns.
fn table(findings: &[Finding]) -> String {
    let width = findings.iter().map(|finding| finding.what.chars().count()).max().unwrap_or(0);
    let mut text = format!("{:width$}  {:>9}  {:>6}\n", "CHECK", "LOOKED AT", "WRONG");
    for Finding { what, checked, wrong, example } in findings {
        let row = format!("{what:width$}  {checked:>9}  {wrong:>6}  {example}");
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_is_wrong_is_told() {
        let mut finding = Finding::of("things");
        for (wrong, name) in [(false, "a"), (true, "b"), (true, "c")] {
            finding.look(wrong, || name.to_owned());
        }
        assert!(finding.is_wrong());
        assert_eq!(
            table(&[finding, Finding::of("nothing at all")]),
            "CHECK           LOOKED AT   WRONG\n\
             things                  3       2  b\n\
             nothing at all          0       0\n"
        );
    }
}
