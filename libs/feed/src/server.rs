//! Serves the feeds of this process's services to its peers.

use std::{collections::BTreeMap, time::Duration};

use contracts::r#type::v1::{
    HeadsRequest, HeadsResponse, ReadRequest, ReadResponse, feed_service_server::FeedService,
};
use kernel::Violations;
use tokio::time::{Instant, timeout_at};
use tonic::{Request, Response, Status};

use crate::{Event, FeedFault, Heads, Page, Source, source::MAX_EVENTS};

/// The longest that a read waits for news.
const MAX_WAIT_MILLIS: i32 = 30_000;
/// How often a waiting read looks again, for events that another replica has sequenced.
const RECHECK: Duration = Duration::from_millis(300);

/// The feed service over the sources of this process.
#[derive(Clone, Debug, Default)]
pub struct FeedServer {
    sources: BTreeMap<String, Source>,
}

impl FeedServer {
    /// Serves these sources.
    pub fn new(sources: impl IntoIterator<Item = Source>) -> Self {
        let named = sources.into_iter().map(|source| (source.name().to_owned(), source));
        Self { sources: named.collect() }
    }

    fn source(&self, name: &str) -> Result<&Source, FeedFault> {
        let unknown = || FeedFault::UnknownSource { source_name: name.to_owned() };
        self.sources.get(name).ok_or_else(unknown)
    }

    async fn page(&self, request: &ReadRequest) -> Result<Page, FeedFault> {
        let source = self.source(&request.source)?;
        let wanted = Wanted::parse(request)?;
        let until = Instant::now() + wanted.wait;
        let mut news = source.news();
        let heads = source.heads().await?;
        let mut page = wanted.read(source, &heads).await?;
        // A reader that is ahead of the head, or behind what is kept, must hear so at once.
        if wanted.after != page.head {
            return Ok(page);
        }
        while page.events.is_empty() && Instant::now() < until {
            let recheck = until.min(Instant::now() + RECHECK);
            // Woken or not, the heads are looked at; they may be those of a moment before the first
            // look, so only what is new in them counts.
            drop(timeout_at(recheck, news.changed()).await);
            let heads = source.recent_heads().await?;
            if heads.heads.get(wanted.partition as usize) > Some(&wanted.after) {
                page = wanted.read(source, &heads).await?;
            }
        }
        Ok(page)
    }
}

/// What a read asks for, checked.
struct Wanted {
    partition: u32,
    after: i64,
    limit: u32,
    wait: Duration,
}

impl Wanted {
    fn parse(request: &ReadRequest) -> Result<Self, FeedFault> {
        let mut violations = Violations::new();
        violations.check(request.partition >= 0, "partition", "must not be negative");
        violations.check(request.after >= 0, "after", "must not be negative");
        violations.check((0..=500).contains(&request.limit), "limit", "must be 0 to 500");
        let waits = (0..=MAX_WAIT_MILLIS).contains(&request.wait_millis);
        violations.check(waits, "wait_millis", "must be 0 to 30 000");
        let natural = |number: i32| u32::try_from(number).unwrap_or(0);
        let limit = if request.limit == 0 { MAX_EVENTS } else { natural(request.limit) };
        let wait = Duration::from_millis(u64::from(natural(request.wait_millis)));
        let wanted =
            Self { partition: natural(request.partition), after: request.after, limit, wait };
        violations.finish(wanted).map_err(FeedFault::Invalid)
    }

    async fn read(&self, source: &Source, heads: &Heads) -> Result<Page, FeedFault> {
        let page = source.read(heads, self.partition, self.after, self.limit, None).await?;
        page.ok_or_else(|| {
            let mut violations = Violations::new();
            violations.add("partition", "the feed has fewer partitions");
            FeedFault::Invalid(violations)
        })
    }
}

#[tonic::async_trait]
impl FeedService for FeedServer {
    async fn read(&self, request: Request<ReadRequest>) -> Result<Response<ReadResponse>, Status> {
        rpc::read(request, async |_call, request: ReadRequest| {
            let page = self.page(&request).await?;
            Ok::<_, FeedFault>(ReadResponse {
                events: page.events.iter().map(Event::to_wire).collect(),
                head: page.head,
                incarnation: page.incarnation.to_string(),
                first: page.first,
            })
        })
        .await
    }

    async fn heads(
        &self,
        request: Request<HeadsRequest>,
    ) -> Result<Response<HeadsResponse>, Status> {
        rpc::read(request, async |_call, request: HeadsRequest| {
            let heads = self.source(&request.source)?.heads().await?;
            Ok::<_, FeedFault>(HeadsResponse {
                incarnation: heads.incarnation.to_string(),
                heads: heads.heads,
            })
        })
        .await
    }
}
