//! How a handler is run: its request taken apart, its error turned into a status. A write runs in a
//! tracked task of its own, so that a client that hangs up cannot cut a commit in half.

use std::future::Future;

use kernel::{Code, Fault};
use tokio_util::task::TaskTracker;
use tonic::{Request, Response, Status};
use tracing::Instrument;

use crate::{Call, deadline, status};

/// The call that the wall put into a request, and its message.
pub fn take<T>(request: Request<T>) -> Result<(Call, T), Status> {
    let (_, mut extensions, message) = request.into_parts();
    let call = extensions.remove::<Call>().ok_or_else(|| {
        status::plain(Code::Internal, "INTERNAL", "the service was reached past its wall")
    })?;
    Ok((call, message))
}

/// Runs a handler that changes nothing.
pub async fn read<Q, A, E, F>(
    request: Request<Q>,
    handle: impl FnOnce(Call, Q) -> F,
) -> Result<Response<A>, Status>
where
    E: Fault,
    F: Future<Output = Result<A, E>>,
{
    let (call, message) = take(request)?;
    let locale = call.locale();
    handle(call, message).await.map(Response::new).map_err(|error| status::of(&error, locale))
}

/// Runs a handler that opens a stream.
pub async fn stream<Q, A, E, F>(
    request: Request<Q>,
    handle: impl FnOnce(Call, Q) -> F,
) -> Result<Response<A>, Status>
where
    E: Fault,
    F: Future<Output = Result<A, E>>,
{
    read(request, handle).await
}

/// Runs a handler that writes, to its end even if the caller goes away.
pub async fn write<Q, A, E, F>(
    tasks: &TaskTracker,
    request: Request<Q>,
    handle: impl FnOnce(Call, Q) -> F,
) -> Result<Response<A>, Status>
where
    A: Send + 'static,
    E: Fault,
    F: Future<Output = Result<A, E>> + Send + 'static,
{
    let (call, message) = take(request)?;
    let locale = call.locale();
    // Boxed, since a handler is some kilobytes and spawning moves what it is given many times.
    let work = Box::pin(handle(call, message)).instrument(tracing::Span::current());
    match tasks.spawn(work).await {
        Ok(done) => done.map(Response::new).map_err(|error| status::of(&error, locale)),
        Err(error) if error.is_panic() => Err(deadline::panicked()),
        Err(_) => {
            Err(status::plain(Code::Unavailable, "SHUTTING_DOWN", "the service is going down"))
        }
    }
}

/// Answers an RPC of a server that is a tuple of the service's `App` by its operation's `handle`:
/// `serve!(self, request, read get_ticket)`, or `write` where it must go on though its caller has gone
/// away. The operations are in scope as `operations`.
#[macro_export]
macro_rules! serve {
    ($self:ident, $request:ident, read $operation:ident) => {{
        let app = $self.0.clone();
        $crate::read($request, |call, request| operations::$operation::handle(app, call, request))
            .await
    }};
    ($self:ident, $request:ident, write $operation:ident) => {{
        let app = $self.0.clone();
        $crate::write(&$self.0.tasks, $request, |call, request| {
            operations::$operation::handle(app, call, request)
        })
        .await
    }};
}
