//! A client that knows the descriptors and nothing else.

use std::{collections::HashMap, sync::LazyLock, time::Duration};

use http::uri::PathAndQuery;
use prost::Message as _;
use prost_reflect::{
    DescriptorPool, DynamicMessage, MessageDescriptor, MethodDescriptor, ReflectMessage as _,
};
use serde_json::{Value, json};
use tonic::{
    Request, Status, Streaming,
    client::Grpc,
    metadata::{Ascii, MetadataValue},
    transport::Channel,
};
use tonic_types::StatusExt as _;

use crate::codec::Dynamic;

/// How long a call may take, on a slow and busy machine.
const PATIENCE: Duration = Duration::from_secs(50);

/// The ways to the public ports of a suite; the same one twice where one process runs all.
#[derive(Clone, Debug)]
pub struct Channels {
    /// To tickets.
    pub tickets: Channel,
    /// To customers.
    pub customers: Channel,
}

/// Calls methods, as somebody.
#[derive(Clone, Debug)]
pub struct Client {
    channels: Channels,
    headers: Vec<(&'static str, String)>,
}

/// What a call came to.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It was answered.
    Answer(DynamicMessage),
    /// It was refused.
    Refused(Box<Status>),
}

/// The methods of the suite, by their own names and by their full ones.
static METHODS: LazyLock<HashMap<String, Vec<MethodDescriptor>>> = LazyLock::new(|| {
    let mut methods: HashMap<String, Vec<MethodDescriptor>> = HashMap::new();
    for method in
        contracts::POOL.services().flat_map(|service| service.methods().collect::<Vec<_>>())
    {
        for name in [method.name(), method.full_name()] {
            methods.entry(name.to_owned()).or_default().push(method.clone());
        }
    }
    methods
});

/// The method of this name: its own, for instance `CreateTicket`, or where several services have one
/// of that name its full one.
///
/// # Panics
/// Where there is none, or more than one.
pub fn method(name: &str) -> &'static MethodDescriptor {
    match METHODS.get(name).map(Vec::as_slice) {
        Some([method]) => method,
        Some(_) => panic!("several services have a method `{name}`: give its full name"),
        None => panic!("the contracts have no method `{name}`"),
    }
}

/// The path of a method.
pub fn path(method: &MethodDescriptor) -> String {
    format!("/{}/{}", method.parent_service().full_name(), method.name())
}

/// The request of a method.
///
/// # Panics
/// Where the method has no such request.
pub fn message(name: &str, request: &Value) -> DynamicMessage {
    DynamicMessage::deserialize(method(name).input(), request)
        .unwrap_or_else(|error| panic!("no request of {name}: {error}\n{request:#}"))
}

impl Client {
    /// A client without any header.
    pub fn new(channels: Channels) -> Self {
        Self { channels, headers: Vec::new() }
    }

    /// A client of one port.
    pub fn to(channel: &Channel) -> Self {
        Self::new(Channels { tickets: channel.clone(), customers: channel.clone() })
    }

    /// The same over these channels.
    #[must_use]
    pub fn over(self, channels: &Channels) -> Self {
        Self { channels: channels.clone(), ..self }
    }

    /// The same with a header more.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The headers that it sends.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.headers.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// Calls a method; of a stream the first message is the answer.
    pub async fn send(&self, name: &str, request: &Value) -> Outcome {
        let outcome = if method(name).is_server_streaming() {
            match self.open(name, request).await {
                Ok(mut stream) => stream.message().await.map(|first| first.expect("it goes on")),
                Err(status) => Err(status),
            }
        } else {
            self.unary(name, request).await
        };
        match outcome {
            Ok(answer) => Outcome::Answer(answer),
            Err(status) => Outcome::Refused(Box::new(status)),
        }
    }

    /// Calls a method that must be answered.
    ///
    /// # Panics
    /// Where it is refused.
    pub async fn call(&self, name: &str, request: Value) -> Value {
        match self.send(name, &request).await {
            Outcome::Answer(answer) => json_of(&answer),
            Outcome::Refused(status) => {
                panic!("{name} was refused: {status:?}\nthe request was {request:#}")
            }
        }
    }

    /// Calls a method that must be refused.
    ///
    /// # Panics
    /// Where it is answered.
    pub async fn refused(&self, name: &str, request: Value) -> Status {
        match self.send(name, &request).await {
            Outcome::Refused(status) => *status,
            Outcome::Answer(answer) => {
                panic!("{name} was answered: {:#}\nthe request was {request:#}", json_of(&answer))
            }
        }
    }

    /// Opens a stream.
    pub async fn open(
        &self,
        name: &str,
        request: &Value,
    ) -> Result<Streaming<DynamicMessage>, Status> {
        let (mut grpc, request, path, codec) = self.prepare(name, request).await?;
        grpc.server_streaming(request, path, codec).await.map(tonic::Response::into_inner)
    }

    /// Calls a method by another path than its own, which must be refused.
    ///
    /// # Panics
    /// Where it is answered.
    pub async fn refused_at(&self, at: &str, name: &str, request: &Value) -> Status {
        let prepared = self.prepare(name, request).await.expect("the port is there");
        let (mut grpc, request, _, codec) = prepared;
        let path = PathAndQuery::try_from(at).expect("the path begins with a slash");
        let answer = grpc.unary(request, path, codec).await;
        answer.err().unwrap_or_else(|| panic!("{at} was answered"))
    }

    async fn unary(&self, name: &str, request: &Value) -> Result<DynamicMessage, Status> {
        let (mut grpc, mut request, path, codec) = self.prepare(name, request).await?;
        request.set_timeout(PATIENCE);
        grpc.unary(request, path, codec).await.map(tonic::Response::into_inner)
    }

    async fn prepare(
        &self,
        name: &str,
        request: &Value,
    ) -> Result<(Grpc<Channel>, Request<DynamicMessage>, PathAndQuery, Dynamic), Status> {
        let method = method(name);
        let mut request = Request::new(message(name, request));
        for (name, value) in &self.headers {
            let value: MetadataValue<Ascii> = value.parse().expect("a header's value");
            request.metadata_mut().append(*name, value);
        }
        let of_customers = method.parent_service().package_name() == "aftercare.customers.v1";
        let Channels { tickets, customers } = &self.channels;
        let mut grpc = Grpc::new(if of_customers { customers.clone() } else { tickets.clone() });
        grpc.ready().await.map_err(|error| Status::from_error(Box::new(error)))?;
        let path = PathAndQuery::try_from(path(method)).expect("a method's path is one");
        Ok((grpc, request, path, Dynamic(method.output())))
    }
}

impl Outcome {
    /// Everything of it that a caller can see, as bytes: code, message and details, or the answer.
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Answer(answer) => answer.encode_to_vec(),
            Self::Refused(status) => {
                let code = format!("{:?}\0{}\0", status.code(), status.message());
                [code.as_bytes(), status.details()].concat()
            }
        }
    }

    /// The answer as JSON, or why it was refused, as `google.rpc.Status` is in JSON.
    pub fn json(&self) -> Result<Value, Value> {
        match self {
            Self::Answer(answer) => Ok(json_of(answer)),
            Self::Refused(status) => Err(status_json(status)),
        }
    }

    /// The refusal.
    pub fn refusal(&self) -> Option<&Status> {
        match self {
            Self::Answer(_) => None,
            Self::Refused(status) => Some(status),
        }
    }
}

/// The domain and reason of a refusal.
pub fn reason(status: &Status) -> (String, String) {
    let details = status.get_error_details();
    details.error_info().map(|info| (info.domain.clone(), info.reason.clone())).unwrap_or_default()
}

/// A refusal as `google.rpc.Status` in JSON, with all its details.
fn status_json(status: &Status) -> Value {
    static STATUS: LazyLock<MessageDescriptor> = LazyLock::new(|| {
        let google = DescriptorPool::decode(tonic_types::pb::FILE_DESCRIPTOR_SET);
        let google = google.expect("Google's own descriptors are some");
        google.get_message_by_name("google.rpc.Status").expect("a status is among them")
    });
    if status.details().is_empty() {
        return json!({ "code": i32::from(status.code()), "message": status.message() });
    }
    let message = DynamicMessage::decode(STATUS.clone(), status.details());
    json_of(&message.expect("the details of a refusal are a status"))
}

/// A message as JSON.
pub fn json_of(message: &DynamicMessage) -> Value {
    serde_json::to_value(message).expect("a message is JSON")
}

/// A refusal as JSON: what an integrator's program can go by.
pub fn json_of_refusal(status: &Status) -> Value {
    let details = status.get_error_details();
    let (domain, reason) = reason(status);
    let metadata: std::collections::BTreeMap<_, _> = details
        .error_info()
        .map(|info| info.metadata.clone().into_iter().collect())
        .unwrap_or_default();
    let violations: Vec<_> = details
        .bad_request()
        .map_or(&[][..], |bad| &bad.field_violations)
        .iter()
        .map(|one| json!({ "field": one.field, "description": one.description }))
        .collect();
    let blockers: Vec<_> = details
        .precondition_failure()
        .map_or(&[][..], |failure| &failure.violations)
        .iter()
        .map(|one| {
            json!({ "type": one.r#type, "subject": one.subject, "description": one.description })
        })
        .collect();
    json!({
        "code": format!("{:?}", status.code()),
        "message": status.message(),
        "domain": domain,
        "reason": reason,
        "metadata": metadata,
        "violations": violations,
        "blockers": blockers,
    })
}

/// The name of a message's type, for reports.
pub fn type_name(message: &DynamicMessage) -> String {
    message.descriptor().full_name().to_owned()
}
