//! How each method is called over HTTP, read once from the contracts: everything that a request needs
//! to know of its method is found out here.

use std::sync::Arc;

use http::{Method as Verb, Uri};
use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor,
    Value,
};
use rpc::Methods;

use super::template::{BadTemplate, Template, Variable};
use crate::web::Route;

/// One method, as requests over HTTP see it.
#[derive(Clone, Debug)]
pub(crate) struct Rpc {
    /// The method itself.
    pub(crate) method: MethodDescriptor,
    /// Its path, `/package.Service/Method`.
    pub(crate) path: String,
    /// The same as the target of a request.
    pub(crate) uri: Uri,
    /// What a request is.
    pub(crate) input: MessageDescriptor,
    /// What an answer is, or each message of a stream.
    pub(crate) output: MessageDescriptor,
    /// Whether it answers with a stream.
    pub(crate) streams: bool,
    /// The field that makes a call repeatable.
    pub(crate) request_id: Option<FieldDescriptor>,
    /// The field of an answer that is its version.
    pub(crate) version: Option<FieldDescriptor>,
    /// Where a stream goes on: the field of the request, and that of each message.
    pub(crate) resume: (Option<FieldDescriptor>, Option<FieldDescriptor>),
}

/// What the body of a request fills.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// Nothing: there is none.
    Nothing,
    /// Everything that the path leaves.
    Everything,
    /// This field.
    Field(FieldDescriptor),
}

/// One way to call a method: a verb, a path, and what goes where.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    /// The method.
    pub(crate) rpc: Arc<Rpc>,
    /// The HTTP verb.
    pub(crate) verb: Verb,
    /// The path.
    pub(crate) template: Template,
    /// The same as the contracts write it, for the metrics.
    pub(crate) route: Route,
    /// The fields that the path fills, each as its own path of fields.
    pub(crate) variables: Vec<(Variable, Vec<FieldDescriptor>)>,
    /// What the body fills.
    pub(crate) content: Content,
    /// The field that takes the version which the caller saw.
    pub(crate) etag: Option<Vec<FieldDescriptor>>,
    /// The mask that a body's keys are put into.
    pub(crate) mask: Option<FieldDescriptor>,
}

/// A rule of the contracts that cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum BadRule {
    /// The path is none.
    #[error("{0}: {1}")]
    Template(String, #[source] BadTemplate),
    /// The rule names no field, or one that it cannot fill.
    #[error("{0}: the rule cannot fill `{1}`")]
    Field(String, String),
    /// The rule asks for something that is not known here.
    #[error("{0}: the rule asks for {1}, which is not known here")]
    Unknown(String, &'static str),
    /// Another method has the same verb and path.
    #[error("{0}: another method has the same verb and path")]
    Taken(String),
}

/// Every way to call a public method, in the order of the contracts, the first way of each first.
pub(crate) fn rules(pool: &DescriptorPool, methods: &Methods) -> Result<Vec<Rule>, BadRule> {
    let mut rules = Vec::new();
    let Some(http) = pool.get_extension_by_name("google.api.http") else { return Ok(rules) };
    for service in pool.services() {
        for method in service.methods() {
            let path = format!("/{}/{}", service.full_name(), method.name());
            let is_public = methods.get(&path).is_some_and(|method| !method.internal);
            let options = method.options();
            if !is_public || !options.has_extension(&http) {
                continue;
            }
            let Some(rpc) = rpc(method, path) else { continue };
            let rpc = Arc::new(rpc);
            if let Some(first) = options.get_extension(&http).as_message() {
                rules.push(rule(&rpc, first)?);
                for further in messages(first, "additional_bindings") {
                    rules.push(rule(&rpc, &further)?);
                }
            }
        }
    }
    Ok(rules)
}

fn messages(message: &DynamicMessage, field: &str) -> Vec<DynamicMessage> {
    let list = message.get_field_by_name(field);
    let list = list.as_deref().and_then(Value::as_list).unwrap_or_default();
    list.iter().filter_map(|item| item.as_message().cloned()).collect()
}

fn rpc(method: MethodDescriptor, path: String) -> Option<Rpc> {
    let (input, output) = (method.input(), method.output());
    Some(Rpc {
        uri: Uri::try_from(path.as_str()).ok()?,
        request_id: text_field(&input, "request_id"),
        version: text_field(&output, "etag"),
        resume: (text_field(&input, "resume_token"), text_field(&output, "resume_token")),
        streams: method.is_server_streaming(),
        method,
        path,
        input,
        output,
    })
}

fn text_field(message: &MessageDescriptor, name: &str) -> Option<FieldDescriptor> {
    message.get_field_by_name(name).filter(|field| field.kind() == Kind::String && !field.is_list())
}

fn rule(rpc: &Arc<Rpc>, option: &DynamicMessage) -> Result<Rule, BadRule> {
    let path = &rpc.path;
    let text = |name: &str| match option.get_field_by_name(name).as_deref() {
        Some(Value::String(text)) => text.clone(),
        _ => String::new(),
    };
    let verbs = [Verb::GET, Verb::PUT, Verb::POST, Verb::DELETE, Verb::PATCH];
    let verb = verbs
        .into_iter()
        .find(|verb| option.has_field_by_name(&verb.as_str().to_ascii_lowercase()))
        .ok_or_else(|| BadRule::Unknown(path.clone(), "another verb than the usual five"))?;
    if !text("response_body").is_empty() {
        return Err(BadRule::Unknown(path.clone(), "a part of the answer"));
    }
    if rpc.method.is_client_streaming() {
        return Err(BadRule::Unknown(path.clone(), "a stream of requests"));
    }
    let written = text(&verb.as_str().to_ascii_lowercase());
    let template = Template::parse(&written).map_err(|bad| BadRule::Template(path.clone(), bad))?;
    let route = Route::from(written.as_str());

    let content = match text("body").as_str() {
        "" => Content::Nothing,
        "*" => Content::Everything,
        name => resource(&rpc.input, name)
            .map(Content::Field)
            .ok_or_else(|| BadRule::Field(path.clone(), name.to_owned()))?,
    };
    let mut variables = Vec::new();
    for variable in &template.variables {
        let fields = fields(&rpc.input, &variable.field)
            .filter(|fields| fields.last().is_some_and(is_scalar))
            .ok_or_else(|| BadRule::Field(path.clone(), variable.field.clone()))?;
        variables.push((variable.clone(), fields));
    }
    let etag = etag(rpc, &content);
    let mask = mask(rpc, &verb, &content);
    Ok(Rule { rpc: rpc.clone(), verb, template, route, variables, content, etag, mask })
}

/// The field of this name that holds one message of named fields.
fn resource(input: &MessageDescriptor, name: &str) -> Option<FieldDescriptor> {
    let field = input.get_field_by_name(name)?;
    let is_resource =
        matches!(field.kind(), Kind::Message(kind) if !super::scalar::is_well_known(&kind));
    (is_resource && !field.is_list() && !field.is_map()).then_some(field)
}

fn is_scalar(field: &FieldDescriptor) -> bool {
    !matches!(field.kind(), Kind::Message(_)) && !field.is_list()
}

/// The fields on the way to the one that `path` names, itself the last: each but the last is one
/// message.
pub(crate) fn fields(message: &MessageDescriptor, path: &str) -> Option<Vec<FieldDescriptor>> {
    let mut fields: Vec<FieldDescriptor> = Vec::new();
    for name in path.split('.') {
        let parent = match fields.last() {
            None => message.clone(),
            Some(field) if field.is_list() || field.is_map() => return None,
            Some(field) => match field.kind() {
                Kind::Message(kind) if !super::scalar::is_well_known(&kind) => kind,
                _ => return None,
            },
        };
        fields.push(super::decode::field(&parent, name)?);
    }
    Some(fields)
}

/// A request's own etag, else that of the resource it holds; a resource to be made has no version yet.
fn etag(rpc: &Rpc, content: &Content) -> Option<Vec<FieldDescriptor>> {
    if let Some(own) = text_field(&rpc.input, "etag") {
        return Some(vec![own]);
    }
    match content {
        Content::Field(resource) if !rpc.method.name().starts_with("Create") => {
            let Kind::Message(kind) = resource.kind() else { return None };
            text_field(&kind, "etag").map(|etag| vec![resource.clone(), etag])
        }
        _ => None,
    }
}

/// The one mask of a request that changes a resource in part.
fn mask(rpc: &Rpc, verb: &Verb, content: &Content) -> Option<FieldDescriptor> {
    let is_mask = |field: &FieldDescriptor| matches!(field.kind(), Kind::Message(kind) if kind.full_name() == "google.protobuf.FieldMask");
    let mut masks = rpc.input.fields().filter(is_mask);
    let (mask, None) = (masks.next()?, masks.next()) else { return None };
    (*verb == Verb::PATCH && matches!(content, Content::Field(_))).then_some(mask)
}

/// The message that `way` leads to, made where it is not yet there.
pub(crate) fn reach<'a>(
    message: &'a mut DynamicMessage,
    way: &[FieldDescriptor],
) -> Option<&'a mut DynamicMessage> {
    let mut here = message;
    for field in way {
        here = here.get_field_mut(field).as_message_mut()?;
    }
    Some(here)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use contracts::POOL;

    use super::*;

    fn all() -> Vec<Rule> {
        rules(&POOL, &Methods::read(&POOL)).unwrap()
    }

    fn of(name: &str) -> Rule {
        all().into_iter().find(|rule| rule.rpc.method.name() == name).unwrap()
    }

    #[test]
    fn every_public_method_has_a_rule_and_no_other() {
        let methods = Methods::read(&POOL);
        let public: HashSet<String> = methods
            .iter()
            .filter(|method| !method.internal)
            .map(|method| method.path.clone())
            .collect();
        let ruled: HashSet<String> = all().iter().map(|rule| rule.rpc.path.clone()).collect();
        assert_eq!(ruled, public);
        assert!(public.len() > 40);
    }

    #[test]
    fn a_rule_knows_where_things_go() {
        let update = of("UpdateTicket");
        assert_eq!(update.verb, Verb::PATCH);
        assert!(matches!(&update.content, Content::Field(field) if field.name() == "ticket"));
        let names = |way: &[FieldDescriptor]| -> Vec<String> {
            way.iter().map(|field| field.name().to_owned()).collect()
        };
        assert_eq!(names(&update.variables[0].1), ["ticket", "name"]);
        assert_eq!(names(&update.etag.unwrap()), ["ticket", "etag"]);
        assert_eq!(update.mask.unwrap().name(), "update_mask");

        assert_eq!(names(&of("TriageTicket").etag.unwrap()), ["etag"]);
        assert_eq!(of("TriageTicket").content, Content::Everything);
        assert!(of("CreateTicket").etag.is_none() && of("CreateTicket").mask.is_none());
        assert!(of("UpsertPurchase").etag.is_some());
        let watch = of("WatchTickets").rpc.clone();
        assert!(watch.streams && watch.resume.0.is_some() && watch.resume.1.is_some());
    }

    #[test]
    fn only_single_messages_stand_before_the_last_field() {
        let input = of("CreateTicket").rpc.input.clone();
        assert!(fields(&input, "ticket.facts.occurTime").is_some());
        for bad in
            ["", "ticket.", "ticket.clocks.metric", "ticket.title.x", "ticket.createTime.seconds"]
        {
            assert!(fields(&input, bad).is_none(), "{bad}");
        }
    }
}
