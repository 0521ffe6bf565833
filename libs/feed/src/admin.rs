//! What an operator does about consumers: list, redrive, rewind.

use std::sync::Arc;

use contracts::r#type::v1::{
    ConsumerPosition, DeadLetter, Event as Wire, ListConsumersRequest, ListConsumersResponse,
    ListDeadLettersRequest, ListDeadLettersResponse, RedriveRequest, RedriveResponse,
    RewindRequest, RewindResponse, feed_admin_service_server::FeedAdminService,
};
use kernel::Violations;
use prost::Message as _;
use store::transact;
use tokio_util::task::TaskTracker;
use tonic::{Request, Response, Status};

use crate::{FeedFault, Managed, cursors, dead_letters, event::timestamp};

/// The admin service over the consumers of this process.
#[derive(Clone)]
pub struct FeedAdmin {
    consumers: Arc<[Arc<dyn Managed>]>,
    tasks: TaskTracker,
}

impl std::fmt::Debug for FeedAdmin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.consumers.iter().map(|consumer| consumer.name()).collect();
        f.debug_struct("FeedAdmin").field("consumers", &names).finish_non_exhaustive()
    }
}

impl FeedAdmin {
    /// Administers these consumers; writes run in `tasks`.
    pub fn new(consumers: Vec<Arc<dyn Managed>>, tasks: TaskTracker) -> Self {
        Self { consumers: consumers.into(), tasks }
    }

    /// Consumers of that name: one for each source that it reads.
    fn named(&self, name: &str) -> Result<Vec<Arc<dyn Managed>>, FeedFault> {
        let named = self.consumers.iter().filter(|consumer| consumer.name() == name);
        let named: Vec<_> = named.cloned().collect();
        if named.is_empty() {
            return Err(FeedFault::UnknownConsumer { consumer: name.to_owned() });
        }
        Ok(named)
    }

    async fn consumers(&self) -> Result<ListConsumersResponse, FeedFault> {
        let mut consumers = Vec::new();
        for consumer in self.consumers.iter() {
            let (name, source) = (consumer.name(), consumer.source());
            let places = cursors::list(consumer.db(), name, source).await?;
            consumers.extend(places.into_iter().map(|(partition, position, stopped)| {
                place(name, source, partition, position, stopped)
            }));
        }
        Ok(ListConsumersResponse { consumers })
    }

    async fn dead_letters(
        &self,
        request: ListDeadLettersRequest,
    ) -> Result<ListDeadLettersResponse, FeedFault> {
        let mut violations = Violations::new();
        violations.check(request.limit >= 0, "limit", "must not be negative");
        let limit = match u32::try_from(request.limit) {
            Ok(0) => 100,
            Ok(asked) => asked.min(1_000),
            Err(_) => 0,
        };
        let limit = violations.finish(limit).map_err(FeedFault::Invalid)?;
        let mut letters = Vec::new();
        for consumer in self.named(&request.consumer)? {
            let (name, source) = (consumer.name(), consumer.source());
            for letter in dead_letters::list(consumer.db(), name, source, limit).await? {
                let event = Wire::decode(letter.event.as_slice()).map_err(FeedFault::Stored)?;
                letters.push((
                    letter.at,
                    DeadLetter {
                        consumer: name.to_owned(),
                        event: Some(event),
                        error: letter.error,
                        create_time: Some(timestamp(letter.at)),
                    },
                ));
            }
        }
        letters.sort_by_key(|(at, _)| *at);
        letters.truncate(limit as usize);
        let dead_letters = letters.into_iter().map(|(_, letter)| letter).collect();
        Ok(ListDeadLettersResponse { dead_letters })
    }
}

async fn redrive(consumers: Vec<Arc<dyn Managed>>) -> Result<RedriveResponse, FeedFault> {
    let (mut taken, mut left) = (0, 0);
    for consumer in consumers {
        let redriven = consumer.redrive().await?;
        taken += i64::from(redriven.taken);
        left += redriven.left;
    }
    let count = |number: i64| i32::try_from(number).unwrap_or(i32::MAX);
    Ok(RedriveResponse { taken: count(taken), left: count(left) })
}

async fn rewind(
    consumers: Vec<Arc<dyn Managed>>,
    position: i64,
) -> Result<RewindResponse, FeedFault> {
    let mut rewound = Vec::new();
    for consumer in consumers {
        let (name, source) = (consumer.name(), consumer.source());
        let places = transact!(consumer.db(), "feed.rewind", |tx| {
            // First the cursors' rows: they keep the consumer out until both are done.
            let places = cursors::rewind(tx, name, source, position).await?;
            dead_letters::forget(tx, name, source, position).await?;
            Ok::<_, store::Error>(places)
        })?;
        for (partition, position) in places {
            rewound.push(place(name, source, partition, position, String::new()));
        }
    }
    Ok(RewindResponse { consumers: rewound })
}

/// How far a consumer is in one partition, on the wire.
fn place(
    consumer: &str,
    source: &str,
    partition: i64,
    position: i64,
    stopped: String,
) -> ConsumerPosition {
    ConsumerPosition {
        consumer: consumer.to_owned(),
        source: source.to_owned(),
        partition: i32::try_from(partition).unwrap_or(i32::MAX),
        position,
        stopped,
    }
}

#[tonic::async_trait]
impl FeedAdminService for FeedAdmin {
    async fn list_consumers(
        &self,
        request: Request<ListConsumersRequest>,
    ) -> Result<Response<ListConsumersResponse>, Status> {
        rpc::read(request, async |_call, _: ListConsumersRequest| self.consumers().await).await
    }

    async fn list_dead_letters(
        &self,
        request: Request<ListDeadLettersRequest>,
    ) -> Result<Response<ListDeadLettersResponse>, Status> {
        rpc::read(request, async |_call, request| self.dead_letters(request).await).await
    }

    async fn redrive(
        &self,
        request: Request<RedriveRequest>,
    ) -> Result<Response<RedriveResponse>, Status> {
        rpc::write(&self.tasks, request, |_call, request: RedriveRequest| {
            let consumers = self.named(&request.consumer);
            async move { redrive(consumers?).await }
        })
        .await
    }

    async fn rewind(
        &self,
        request: Request<RewindRequest>,
    ) -> Result<Response<RewindResponse>, Status> {
        rpc::write(&self.tasks, request, |_call, request: RewindRequest| {
            let mut violations = Violations::new();
            violations.check(request.position >= 0, "position", "must not be negative");
            let checked = violations.finish(()).map_err(FeedFault::Invalid);
            let consumers = checked.and_then(|()| self.named(&request.consumer));
            async move { rewind(consumers?, request.position).await }
        })
        .await
    }
}
