//! The suite's time: the stored offset of a trial, and the admin service that moves it.

use std::{fmt, time::Duration};

use anyhow::{Result, bail};
use contracts::r#type::v1::{
    AdvanceClockRequest, ClockReading, GetClockRequest, clock_service_server::ClockService,
};
use kernel::{Clock, Code, Fault, Time, Violation, Violations};
use store::{meta, transact};
use tokio_util::task::TaskTracker;
use tonic::{Request, Response, Status};

use super::{Databases, Process};

/// The farthest that one call moves the clock: there is no way back from a slip of the pen.
const FARTHEST: Duration = Duration::from_hours(366 * 24);

/// Takes up the time where the last run left it: the data's times must not lie in the future.
pub(crate) async fn restore(process: &Process<'_>, databases: &Databases) -> Result<()> {
    let offset = databases.clock_offset().await?;
    if !offset.is_zero() && !process.config.virtual_clock() {
        bail!(
            "this data is from a trial whose clock was moved ahead by {}; it cannot be served by \
             real time (`clock.virtual`)",
            config::duration::format(offset)
        );
    }
    process.clock.raise_offset_micros(i64::try_from(offset.as_micros())?);
    Ok(())
}

/// Shows and moves the clock of this process.
#[derive(Clone, Debug)]
pub(crate) struct Hands {
    pub(crate) clock: Clock,
    /// Whether it may be moved.
    pub(crate) is_virtual: bool,
    /// Where the offset is kept.
    pub(crate) databases: Databases,
    pub(crate) tasks: TaskTracker,
}

impl Hands {
    fn reading(&self) -> ClockReading {
        ClockReading {
            time: Some(rpc::wire::timestamp(self.clock.now())),
            offset: Some(rpc::wire::duration(self.clock.offset_micros())),
        }
    }

    /// Where the hands go to; `None` where they are already past it.
    fn goal(&self, request: &AdvanceClockRequest) -> Result<Option<Time>, ClockFault> {
        if !self.is_virtual {
            return Err(ClockFault::Real);
        }
        let goal = request.to_time.as_ref().and_then(rpc::wire::time);
        let now = self.clock.now();
        let mut violations = Violations::new();
        violations.check(goal.is_some(), "to_time", "must be a time");
        let near = goal.is_none_or(|goal| goal <= now + FARTHEST);
        violations.check(near, "to_time", "must be at most 366 days ahead");
        let goal = violations.finish(goal).map_err(ClockFault::Invalid)?;
        Ok(goal.filter(|goal| *goal > now))
    }

    async fn advance(self, goal: Option<Time>) -> Result<ClockReading, ClockFault> {
        if let Some(goal) = goal {
            let offset = goal.since(self.clock.real_now());
            // Kept first, so that a restart never goes back behind what anybody has seen.
            for (_, db) in self.databases.iter() {
                transact!(db, "clock.raise", |tx| meta::raise_clock_offset(tx, offset).await)?;
            }
            self.clock.raise_offset_micros(offset);
            tracing::info!(%goal, "the clock was moved");
        }
        Ok(self.reading())
    }
}

#[tonic::async_trait]
impl ClockService for Hands {
    async fn get_clock(
        &self,
        request: Request<GetClockRequest>,
    ) -> Result<Response<ClockReading>, Status> {
        rpc::read(request, async |_, _: GetClockRequest| Ok::<_, ClockFault>(self.reading())).await
    }

    async fn advance_clock(
        &self,
        request: Request<AdvanceClockRequest>,
    ) -> Result<Response<ClockReading>, Status> {
        rpc::write(&self.tasks, request, |_, request: AdvanceClockRequest| {
            let (hands, goal) = (self.clone(), self.goal(&request));
            async move { hands.advance(goal?).await }
        })
        .await
    }
}

/// Why the clock was not moved.
#[derive(Debug)]
pub(crate) enum ClockFault {
    /// It is the machine's clock.
    Real,
    /// The request is wrong.
    Invalid(Violations),
    /// The offset could not be kept.
    Store(store::Error),
}

impl From<store::Error> for ClockFault {
    fn from(cause: store::Error) -> Self {
        Self::Store(cause)
    }
}

impl fmt::Display for ClockFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Real => "the clock is the machine's and cannot be moved (`clock.virtual`)",
            Self::Invalid(_) => "the request is wrong",
            Self::Store(_) => "the offset cannot be kept",
        })
    }
}

impl std::error::Error for ClockFault {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Store(cause) => Some(cause),
            Self::Real | Self::Invalid(_) => None,
        }
    }
}

impl store::Retry for ClockFault {
    fn lost_race(&self) -> bool {
        match self {
            Self::Store(cause) => cause.lost_race(),
            Self::Real | Self::Invalid(_) => false,
        }
    }
}

impl Fault for ClockFault {
    fn code(&self) -> Code {
        match self {
            Self::Real => Code::FailedPrecondition,
            Self::Invalid(_) => Code::InvalidArgument,
            Self::Store(_) => Code::Unavailable,
        }
    }

    fn domain(&self) -> &'static str {
        "aftercare"
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Real => "CLOCK_NOT_VIRTUAL",
            Self::Invalid(_) => "INVALID_REQUEST",
            Self::Store(_) => "STORE_AWAY",
        }
    }

    fn violations(&self) -> &[Violation] {
        match self {
            Self::Invalid(violations) => violations.as_slice(),
            Self::Real | Self::Store(_) => &[],
        }
    }

    fn message_zh(&self) -> Option<String> {
        Some(match self {
            Self::Real => "时钟为机器时钟，不能调整（`clock.virtual`）".to_owned(),
            Self::Invalid(_) => "请求有误".to_owned(),
            Self::Store(_) => "无法保存时钟偏移".to_owned(),
        })
    }
}
