//! Makes the call.

use http::uri::PathAndQuery;
use prost_reflect::DynamicMessage;
use tonic::{Request, Status, Streaming, client::Grpc};

use super::{codec::DynamicCodec, method::Found};

/// What comes back: one message or a stream of them.
#[derive(Debug)]
pub(crate) enum Answer {
    One(Option<Box<DynamicMessage>>),
    Stream(Box<Streaming<DynamicMessage>>),
}

impl Answer {
    /// The next message; `None` after the last.
    pub(crate) async fn next(&mut self) -> Result<Option<DynamicMessage>, Status> {
        match self {
            Self::One(message) => Ok(message.take().map(|message| *message)),
            Self::Stream(stream) => stream.message().await,
        }
    }
}

/// Calls a method through a link.
pub(crate) async fn call(
    link: rpc::Link,
    found: &Found,
    request: Request<DynamicMessage>,
) -> Result<Answer, Status> {
    let mut client = Grpc::new(link);
    client.ready().await?;
    let codec = DynamicCodec { answer: found.descriptor.output() };
    let path = PathAndQuery::try_from(found.path.as_str())
        .map_err(|error| Status::from_error(Box::new(error)))?;
    if found.descriptor.is_server_streaming() {
        let stream = client.server_streaming(request, path, codec).await?;
        Ok(Answer::Stream(Box::new(stream.into_inner())))
    } else {
        let message = client.unary(request, path, codec).await?;
        Ok(Answer::One(Some(Box::new(message.into_inner()))))
    }
}

#[cfg(test)]
mod tests {
    use contracts::r#type::v1::{
        AdvanceClockRequest, ClockReading, GetClockRequest,
        clock_service_server::{ClockService, ClockServiceServer},
    };
    use prost_reflect::ReflectMessage as _;
    use tonic::{Response, service::Routes};

    use super::*;
    use crate::call::method;

    /// A clock that shows what it was last asked for.
    #[derive(Debug)]
    struct Echo;

    #[tonic::async_trait]
    impl ClockService for Echo {
        async fn get_clock(
            &self,
            _: Request<GetClockRequest>,
        ) -> Result<Response<ClockReading>, Status> {
            Err(Status::from_error("nothing shown".into()))
        }

        async fn advance_clock(
            &self,
            request: Request<AdvanceClockRequest>,
        ) -> Result<Response<ClockReading>, Status> {
            let time = request.into_inner().to_time;
            Ok(Response::new(ClockReading { time, offset: None }))
        }
    }

    #[tokio::test]
    async fn a_message_known_by_its_descriptor_goes_out_and_comes_back() {
        let link = rpc::link::link(Routes::new(ClockServiceServer::new(Echo)).prepare());
        let found = method::find("AdvanceClock").unwrap();
        let text = r#"{"toTime":"2026-11-22T03:04:05.000006Z"}"#;
        let mut json = serde_json::Deserializer::from_str(text);
        let message = DynamicMessage::deserialize(found.descriptor.input(), &mut json).unwrap();
        let mut answer = call(link.clone(), &found, Request::new(message)).await.unwrap();
        let reading = answer.next().await.unwrap().unwrap();
        assert_eq!(reading.descriptor().name(), "ClockReading");
        let json = serde_json::to_value(&reading).unwrap();
        assert_eq!(json["time"], "2026-11-22T03:04:05.000006Z");
        assert!(answer.next().await.unwrap().is_none());

        let found = method::find("GetClock").unwrap();
        let empty = DynamicMessage::new(found.descriptor.input());
        let status = call(link, &found, Request::new(empty)).await.unwrap_err();
        assert_eq!(status.message(), "nothing shown");
    }
}
