//! A page of a feed as a consumer got it, and whether the consumer may go on from it.

use contracts::r#type::v1::ReadResponse;
use kernel::id::canonical;
use uuid::Uuid;

use crate::{ConsumeError, Event, cursors::Cursor, event::Malformed};

/// A page as it came from the source, checked.
pub(crate) struct Fetched {
    pub(crate) events: Vec<Event>,
    pub(crate) head: i64,
    pub(crate) first: i64,
    pub(crate) incarnation: Uuid,
}

impl Fetched {
    /// Positions are dense: one that is missing here would be lost for good.
    pub(crate) fn parse(response: ReadResponse, after: i64) -> Result<Self, ConsumeError> {
        let incarnation = canonical(&response.incarnation)
            .ok_or(ConsumeError::Answer("its incarnation is no UUID"))?;
        let events = response.events.into_iter().map(Event::from_wire);
        let events = events.collect::<Result<Vec<Event>, Malformed>>()?;
        let dense = events.iter().zip(after + 1..).all(|(event, due)| event.position == due);
        if response.first <= after + 1 && !dense {
            return Err(ConsumeError::Answer("positions are not dense"));
        }
        Ok(Self { events, head: response.head, first: response.first, incarnation })
    }

    /// Why a consumer at `cursor` must not go on with this source.
    pub(crate) fn broken(&self, cursor: &Cursor) -> Option<&'static str> {
        if self.incarnation != cursor.incarnation {
            Some("the source has another incarnation: it was restored or replaced")
        } else if self.head < cursor.position {
            Some("the position is past the source's head: the source was restored")
        } else if self.first > cursor.position + 1 {
            Some("the events after the position are no longer kept")
        } else {
            None
        }
    }
}
