//! `import` and `export`: articles in bulk, from files and to files.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use config::Config;
use contracts::knowledge::v1::{
    AudienceLevel, ExportArticlesRequest, ExportArticlesResponse, ImportArticlesRequest,
    ImportArticlesResponse, ImportVerdict, TransferFormat,
    transfer_service_client::TransferServiceClient,
};
use futures::{StreamExt as _, TryStreamExt as _, stream::BoxStream};
use kernel::Role;
use rpc::Link;
use tonic::{Request, Status, metadata::MetadataValue};

use crate::{operate::reach, print::told, progress::Progress, token};

/// A part of a file is at most this long; one row that is longer is a part of its own.
const PART: usize = 512 * 1_024;

/// How articles are written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Markdown documents with front matter
    Markdown,
    /// Question and answer, with a header
    Csv,
    /// One JSON object a line
    JsonLines,
}

impl Format {
    /// By the end of a file's name.
    fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "md" | "markdown" => Some(Self::Markdown),
            "csv" => Some(Self::Csv),
            "jsonl" | "ndjson" => Some(Self::JsonLines),
            _ => None,
        }
    }

    fn wire(self) -> TransferFormat {
        match self {
            Self::Markdown => TransferFormat::Markdown,
            Self::Csv => TransferFormat::Csv,
            Self::JsonLines => TransferFormat::JsonLines,
        }
    }
}

/// Who may read articles of rows that do not say.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Audience {
    /// Everybody
    Public,
    /// Customers who have signed in
    Customer,
    /// Agents
    Agent,
}

impl Audience {
    fn wire(self) -> AudienceLevel {
        match self {
            Self::Public => AudienceLevel::Public,
            Self::Customer => AudienceLevel::Customer,
            Self::Agent => AudienceLevel::Agent,
        }
    }
}

/// Where the suite is, and who asks it.
#[derive(Debug, clap::Args)]
struct To {
    /// The tenant: the slug of one in the seed, or the id of any; the first of the seed where none is
    /// named.
    #[arg(long, value_name = "SLUG|ID")]
    tenant: Option<String>,
    /// A bearer token; without one the command makes one of its own from the root key.
    #[arg(long, env = "AFTERCARE_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Where the suite is, such as `127.0.0.1:8080`; the configured address where it is left out.
    #[arg(long, value_name = "HOST:PORT")]
    address: Option<String>,
}

/// Arguments of `import`.
#[derive(Debug, clap::Args)]
pub(crate) struct Import {
    /// Files: `.csv`, `.jsonl`, or `.md`; of a folder all Markdown documents in it
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// How they are written, where their names do not tell
    #[arg(long)]
    format: Option<Format>,
    /// The language of rows that name none, such as `zh`
    #[arg(long, value_name = "TAG")]
    locale: Option<String>,
    /// Who may read articles of rows that do not say; left out, agents where an article is new, and
    /// whoever could before where it is known
    #[arg(long)]
    audience: Option<Audience>,
    /// Publish rows that do not say otherwise
    #[arg(long)]
    publish: bool,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    to: To,
}

/// Arguments of `export`.
#[derive(Debug, clap::Args)]
pub(crate) struct Export {
    /// How to write them
    #[arg(long, default_value = "json-lines")]
    format: Format,
    /// Only those in this language
    #[arg(long, value_name = "TAG")]
    locale: Option<String>,
    /// The folder for Markdown documents, or the file; standard output where it is left out
    #[arg(long, value_name = "PATH")]
    out: Option<PathBuf>,
    #[command(flatten)]
    to: To,
}

/// A part of a file that begins and ends with whole rows.
struct Part {
    path: PathBuf,
    format: Format,
    content: String,
    rows: usize,
    /// How many rows of the file stand before it.
    before: usize,
}

/// The client of a command, with what it says of itself in each call.
struct Door {
    client: TransferServiceClient<Link>,
    bearer: MetadataValue<tonic::metadata::Ascii>,
}

impl Door {
    async fn open(config: &Config, to: To) -> Result<Self> {
        let token = if let Some(token) = to.token {
            token
        } else {
            let (role, tenant) = (Role::Integration, to.tenant);
            let who = token::Who { role, tenant, member: None, customer: None };
            let made = token::short(config, &crate::seed::load(config)?, &who);
            made.context("no --token was given, and none can be made here")?
        };
        let bearer = format!("Bearer {token}").parse().context("the token cannot be sent")?;
        let addresses = to.address.map(|address| vec![address]);
        let addresses = addresses.unwrap_or_else(|| reach::public(config, "knowledge"));
        let client = TransferServiceClient::new(reach::first(&addresses).await?);
        Ok(Self { client, bearer })
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", self.bearer.clone());
        request
    }
}

/// Imports files; the exit code is 1 where a row was refused.
pub(crate) async fn import(config: &Config, args: Import) -> Result<ExitCode> {
    let mut parts = Vec::new();
    for path in &args.files {
        for file in files(path)? {
            parts.extend(split(&file, args.format)?);
        }
    }
    ensure!(!parts.is_empty(), "there is nothing to import");
    let door = Door::open(config, args.to).await?;
    let progress = Progress::start("articles", parts.iter().map(|part| part.rows).sum());
    let mut counts = [0_usize; 4];
    for part in parts {
        let request = ImportArticlesRequest {
            format: part.format.wire().into(),
            content: part.content,
            locale: args.locale.clone().unwrap_or_default(),
            audience: args.audience.map(Audience::wire).unwrap_or_default().into(),
            publish: args.publish,
            validate_only: args.dry_run,
        };
        let mut client = door.client.clone();
        let answer = client.import_articles(door.request(request)).await;
        let mut verdicts = answer.map_err(|status| told(&status))?.into_inner();
        while let Some(verdict) = verdicts.message().await.map_err(|status| told(&status))? {
            progress.step();
            let index = match verdict.verdict() {
                ImportVerdict::Created => 0,
                ImportVerdict::Updated => 1,
                ImportVerdict::Unchanged => 2,
                ImportVerdict::Refused | ImportVerdict::Unspecified => 3,
            };
            counts[index] += 1;
            complain(&part.path, part.before, &verdict);
        }
    }
    progress.end();
    let [created, updated, unchanged, refused] = counts;
    let would = if args.dry_run { "would be " } else { "" };
    println!(
        "{would}created {created}, updated {updated}, unchanged {unchanged}, refused {refused}"
    );
    Ok(if refused == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Says what is wrong with a row.
fn complain(path: &Path, before: usize, verdict: &ImportArticlesResponse) {
    let row = before + usize::try_from(verdict.row).unwrap_or_default();
    for fault in &verdict.faults {
        let field =
            if fault.field.is_empty() { String::new() } else { format!("{}: ", fault.field) };
        let earlier = match usize::try_from(fault.earlier_row) {
            Ok(0) | Err(_) => String::new(),
            Ok(earlier) => format!(" (row {})", before + earlier),
        };
        eprintln!("{}, row {row}: {field}{}{earlier}", path.display(), fault.description);
    }
}

/// The files that a path stands for.
fn files(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    let entries = fs::read_dir(path).with_context(|| path.display().to_string())?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else if Format::of(&path) == Some(Format::Markdown) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// A file in parts.
fn split(path: &Path, format: Option<Format>) -> Result<Vec<Part>> {
    let Some(format) = format.or_else(|| Format::of(path)) else {
        bail!("{}: say how it is written (`--format`)", path.display());
    };
    let content = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let rows: Vec<(String, String)> = match format {
        Format::Markdown => vec![(String::new(), content)],
        Format::JsonLines => {
            let lines = content.lines().filter(|line| !line.trim().is_empty());
            lines.map(|line| (String::new(), format!("{line}\n"))).collect()
        }
        Format::Csv => records(&content).with_context(|| path.display().to_string())?,
    };
    let mut parts: Vec<Part> = Vec::new();
    for (number, (head, row)) in rows.into_iter().enumerate() {
        match parts.last_mut().filter(|part| part.content.len() + row.len() <= PART) {
            Some(part) => {
                part.content.push_str(&row);
                part.rows += 1;
            }
            None => parts.push(Part {
                path: path.to_owned(),
                format,
                content: head + &row,
                rows: 1,
                before: number,
            }),
        }
    }
    Ok(parts)
}

/// The records of CSV, each with the header.
fn records(content: &str) -> Result<Vec<(String, String)>> {
    let content = content.strip_prefix('\u{feff}').unwrap_or(content);
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(content.as_bytes());
    let line = |record: &csv::StringRecord| -> Result<String> {
        let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
        writer.write_record(record)?;
        Ok(String::from_utf8(writer.into_inner()?)?)
    };
    let head = line(reader.headers()?)?;
    let mut rows = Vec::new();
    for record in reader.records() {
        rows.push((head.clone(), line(&record?)?));
    }
    Ok(rows)
}

/// The pieces of an export.
type Pieces = BoxStream<'static, Result<ExportArticlesResponse, Status>>;

/// Exports articles.
pub(crate) async fn export(config: &Config, args: Export) -> Result<()> {
    let into_folder = args.format == Format::Markdown;
    if into_folder {
        let folder = args.out.as_ref().context("Markdown needs a folder (`--out`)")?;
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    let door = Door::open(config, args.to).await?;
    let request = ExportArticlesRequest {
        format: args.format.wire().into(),
        locale: args.locale.unwrap_or_default(),
        ..ExportArticlesRequest::default()
    };
    let answer = door.client.clone().export_articles(door.request(request)).await;
    let pieces = answer.map_err(|status| told(&status))?.into_inner().boxed();
    match args.out {
        Some(folder) if into_folder => documents(pieces, &folder).await,
        Some(file) => replace(pieces, &file).await,
        None => write(pieces, &mut std::io::stdout()).await,
    }
}

async fn documents(mut pieces: Pieces, folder: &Path) -> Result<()> {
    while let Some(piece) = pieces.try_next().await.map_err(|status| told(&status))? {
        // Names are ids and tags; anything else would be a way out of the folder.
        let name = Path::new(&piece.path).file_name().context("a document has no name")?;
        fs::write(folder.join(name), piece.content)?;
    }
    Ok(())
}

/// Writes beside the file, which stays as it is until all has come.
async fn replace(pieces: Pieces, file: &Path) -> Result<()> {
    let mut part = file.as_os_str().to_owned();
    part.push(".part");
    let named = || file.display().to_string();
    let mut out = fs::File::create(&part).with_context(named)?;
    let written = write(pieces, &mut out).await;
    if written.is_err() {
        // It was never anybody's.
        let _ = fs::remove_file(&part);
    }
    written?;
    fs::rename(&part, file).with_context(named)
}

async fn write(mut pieces: Pieces, out: &mut impl std::io::Write) -> Result<()> {
    while let Some(piece) = pieces.try_next().await.map_err(|status| told(&status))? {
        out.write_all(piece.content.as_bytes())?;
    }
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(name: &str, content: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        (folder, path)
    }

    #[tokio::test]
    async fn an_export_that_breaks_off_leaves_the_file_as_it_was() {
        let (folder, path) = written("a.csv", "what was there");
        let piece = |content: &str| {
            Ok(ExportArticlesResponse { content: content.to_owned(), ..Default::default() })
        };
        let broken = Err(rpc::status::plain(kernel::Code::Unavailable, "GOING_AWAY", "away"));
        replace(futures::stream::iter([piece("a"), broken]).boxed(), &path).await.unwrap_err();
        assert_eq!(fs::read_to_string(&path).unwrap(), "what was there");
        replace(futures::stream::iter([piece("a"), piece("b")]).boxed(), &path).await.unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "ab");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_long_table_is_cut_between_rows_and_keeps_its_header() {
        let row = format!("q,\"{}\n\"\n", "x".repeat(1_000));
        let (_folder, path) = written("a.csv", &format!("question,answer\n{}", row.repeat(1_200)));
        let parts = split(&path, None).unwrap();
        assert!(parts.len() > 2);
        assert!(parts.iter().all(|part| part.content.starts_with("question,answer\n")));
        assert!(parts.iter().all(|part| part.content.len() <= PART));
        assert_eq!(parts.iter().map(|part| part.rows).sum::<usize>(), 1_200);
        assert_eq!(parts[1].before, parts[0].rows);
    }

    #[test]
    fn a_folder_is_its_documents() {
        let (folder, path) = written("b.md", "---\n---\n");
        fs::write(folder.path().join("a.md"), "").unwrap();
        fs::write(folder.path().join("c.txt"), "").unwrap();
        let found = files(folder.path()).unwrap();
        assert_eq!(found, [folder.path().join("a.md"), path]);
        assert!(split(&folder.path().join("c.txt"), None).is_err());
    }
}
