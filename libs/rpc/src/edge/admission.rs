//! Where a process plugs in its limits and its audit.

use http::HeaderMap;
use tonic::{Code, Status};

use super::Known;
use crate::access::Method;

/// Counts the calls of callers who are known, and may refuse them.
///
/// A call goes through it in this order: [`room`](Self::room) before anything else,
/// [`signed_in`](Self::signed_in) if its credential is new, [`admit`](Self::admit) if the caller has
/// the permission, [`ended`](Self::ended) in any case, where there was room.
pub trait Admission: Send + Sync + 'static {
    /// Says no where there is no room for a call of this method, whoever makes it. Nothing has been
    /// done for the call yet, so that refusing it costs next to nothing.
    fn room(&self, method: &Method) -> Result<(), Status> {
        let _ = method;
        Ok(())
    }

    /// Lets a call in, or says why not: a quota, an overload. Headers for the client, such as what is
    /// left of a quota, are in the answer, or in the metadata of the status.
    fn admit(&self, known: &Known, method: &Method) -> Result<Admitted, Status>;

    /// A credential came in for the first time, as far as this process remembers.
    fn signed_in(&self, known: &Known) {
        let _ = known;
    }

    /// A call is over, whether it was let in or not; a client that went away is `Cancelled`.
    fn ended(&self, known: &Known, method: &Method, code: Code) {
        let _ = (known, method, code);
    }
}

/// A call that is let in.
#[derive(Default)]
pub struct Admitted {
    /// What the head of the answer says besides.
    pub headers: HeaderMap,
    /// What is held until the answer has ended.
    pub permit: Option<Box<dyn Permit>>,
}

/// A call's place in the process, held until its answer has ended.
pub trait Permit: Send {
    /// The answer begins, or is all there: `code` where it is all head. What follows goes as fast as
    /// the client reads.
    fn answered(&mut self, code: Option<Code>);
}

/// No limits and no audit.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unlimited;

impl Admission for Unlimited {
    fn admit(&self, _: &Known, _: &Method) -> Result<Admitted, Status> {
        Ok(Admitted::default())
    }
}
