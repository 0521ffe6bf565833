//! The consumer `surveys.scores`: what responses come to, in the table of scores.
//!
//! It follows the service's own feed. An event says how a response stood and stands; the answers never
//! change and are read from their row. `scored` keeps up to which of its events a response was counted,
//! so that an event that is told again, after a rewind, changes nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use contracts::surveys::v1::{Standing, SurveyEvent, survey_event::Change};
use feed::{Event, HandleError, Handler};
use store::Tx;

use crate::{
    App,
    domain::rollup::Changes,
    store::scores::{self, Key},
};

/// The consumer's name.
pub const CONSUMER: &str = "surveys.scores";
/// The service whose feed it reads.
pub const SOURCE: &str = "surveys";

/// How long events gather: a score is nobody's to wait for, and a batch costs little more than one
/// event.
const GATHER: Duration = Duration::from_secs(1);
/// How many events go together.
const MOST: usize = 8_000;

/// Keeps the table of scores.
#[derive(Clone, Debug)]
pub struct Scores(pub App);

/// How a response stood before an event and stands after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Judged {
    pub(crate) before: Standing,
    pub(crate) after: Standing,
}

impl Handler for Scores {
    fn gather(&self) -> Duration {
        GATHER
    }

    fn together(&self) -> Option<usize> {
        Some(MOST)
    }

    async fn apply(&self, tx: &mut Tx, event: &Event) -> Result<(), HandleError> {
        self.apply_all(tx, &[event]).await
    }

    async fn apply_all(&self, tx: &mut Tx, events: &[&Event]) -> Result<(), HandleError> {
        let mut told: Vec<(Key, i64, Judged)> = Vec::new();
        for event in events {
            if let Some(judged) = judged(event)? {
                told.push(((event.tenant, event.aggregate), event.sequence, judged));
            }
        }
        let keys: BTreeSet<Key> = told.iter().map(|(key, ..)| *key).collect();
        let found = scores::responses(tx, &keys).await?;
        let (mut changes, mut sequences) = (Changes::default(), BTreeMap::new());
        for (key, sequence, Judged { before, after }) in told {
            // Who is gone meanwhile was counted, or is not any more.
            let Some(response) = found.get(&key) else { continue };
            let counted = sequences.entry(key).or_insert(response.scored);
            if sequence <= *counted {
                continue;
            }
            *counted = sequence;
            let answered = &response.answered;
            let (tenant, survey) = (answered.tenant, answered.survey);
            let asked = self.0.asked_in(tx, tenant, survey, response.number).await;
            // A response's version is there as long as the response is.
            let Some(asked) = asked? else { continue };
            changes.count(answered, &asked.measured.ids, before, -1);
            changes.count(answered, &asked.measured.ids, after, 1);
        }
        scores::add(tx, &changes).await?;
        scores::note(tx, &sequences).await?;
        Ok(())
    }
}

/// What an event says of how a response stands; `None` where it is about something else.
fn judged(event: &Event) -> Result<Option<Judged>, HandleError> {
    Ok(judgement(event.decode::<SurveyEvent>()?.change))
}

/// The same of what an event tells.
pub(crate) fn judgement(change: Option<Change>) -> Option<Judged> {
    match change {
        Some(Change::ResponseSubmitted(submitted)) => {
            Some(Judged { before: Standing::Unspecified, after: submitted.standing() })
        }
        Some(Change::ResponseJudged(judged)) => {
            Some(Judged { before: judged.previous(), after: judged.standing() })
        }
        Some(
            Change::Created(_)
            | Change::Updated(_)
            | Change::Published(_)
            | Change::Archived(_)
            | Change::InvitationCreated(_)
            | Change::InvitationChanged(_)
            | Change::DeliveryRequested(_)
            | Change::InterviewRecorded(_)
            | Change::LoopOpened(_)
            | Change::LoopChanged(_),
        )
        | None => None,
    }
}
