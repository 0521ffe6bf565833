//! `call`: any method of the contracts by its name, with JSON in and out.

mod codec;
mod fault;
mod method;
mod wire;

use std::{
    io::{Read as _, Write as _},
    process::ExitCode,
};

use anyhow::{Context, Result, bail};
use config::Config;
use prost_reflect::{DeserializeOptions, DynamicMessage, MessageDescriptor, SerializeOptions};
use rpc::Link;
use tonic::{
    Request,
    metadata::{Ascii, MetadataValue},
};

use crate::{operate::reach, token};
use method::Found;

/// Arguments of `call`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// `CreateTicket`, `TicketService/CreateTicket` or the full name.
    #[arg(required_unless_present = "list")]
    method: Option<String>,
    /// The request as JSON, `@FILE`, or `-` for standard input; empty where it is left out.
    request: Option<String>,
    /// List the methods, or those whose name contains METHOD.
    #[arg(long)]
    list: bool,
    /// A bearer token; without one the command makes one of its own from the root key.
    #[arg(long, env = "AFTERCARE_TOKEN", hide_env_values = true)]
    token: Option<String>,
    #[command(flatten)]
    who: token::Who,
    /// Where to call, such as `127.0.0.1:8080`; the configured address where it is left out.
    #[arg(long, value_name = "HOST:PORT")]
    address: Option<String>,
    /// The language of messages: `en` or `zh`.
    #[arg(long, value_name = "TAG")]
    language: Option<String>,
}

/// Calls, and prints what comes back; errors go to standard error with exit code 1.
pub(crate) async fn run(config: &Config, args: Args) -> Result<ExitCode> {
    let name = args.method.unwrap_or_default();
    if args.list {
        method::list(&name);
        return Ok(ExitCode::SUCCESS);
    }
    let found = method::find(&name)?;
    let request = request(found.descriptor.input(), args.request.as_deref())?;
    let token = match args.token {
        // The admin port asks for none.
        _ if found.internal => None,
        Some(token) => Some(token),
        None => {
            let seed = crate::seed::load(config)?;
            let token = token::short(config, &seed, &args.who);
            Some(token.context("no --token was given, and none can be made here")?)
        }
    };
    let token = token.map(|token| format!("Bearer {token}"));
    let mut request = Request::new(request);
    header(&mut request, "authorization", token.as_deref())?;
    header(&mut request, "accept-language", args.language.as_deref())?;
    let link = link(config, &found, args.address).await?;
    let mut answer = match wire::call(link, &found, request).await {
        Ok(answer) => answer,
        Err(status) => return Ok(failed(&status)),
    };
    loop {
        match answer.next().await {
            Ok(Some(message)) => print(&message, found.descriptor.is_server_streaming())?,
            Ok(None) => return Ok(ExitCode::SUCCESS),
            Err(status) => return Ok(failed(&status)),
        }
    }
}

fn failed(status: &tonic::Status) -> ExitCode {
    eprint!("{}", fault::text(status));
    ExitCode::FAILURE
}

fn header<T>(request: &mut Request<T>, name: &'static str, value: Option<&str>) -> Result<()> {
    let Some(value) = value else { return Ok(()) };
    let value: MetadataValue<Ascii> =
        value.parse().ok().with_context(|| format!("`{name}` cannot be sent"))?;
    request.metadata_mut().insert(name, value);
    Ok(())
}

async fn link(config: &Config, found: &Found, address: Option<String>) -> Result<Link> {
    let addresses = match address {
        Some(address) => vec![address],
        None if found.internal => reach::admin(config, &found.service),
        None => reach::public(config, &found.service),
    };
    reach::first(&addresses).await
}

/// Reads a request; unknown fields are refused, so that a typing error is seen.
fn request(of: MessageDescriptor, text: Option<&str>) -> Result<DynamicMessage> {
    let text = match text {
        None => "{}".to_owned(),
        Some("-") => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).context("standard input")?;
            text
        }
        Some(text) => match text.strip_prefix('@') {
            Some(path) => std::fs::read_to_string(path).with_context(|| path.to_owned())?,
            None => text.to_owned(),
        },
    };
    let name = of.full_name().to_owned();
    let mut json = serde_json::Deserializer::from_str(&text);
    let options = DeserializeOptions::new().deny_unknown_fields(true);
    let message = DynamicMessage::deserialize_with_options(of, &mut json, &options)
        .and_then(|message| json.end().map(|()| message));
    match message {
        Ok(message) => Ok(message),
        Err(error) => bail!("the request is no {name}: {error}"),
    }
}

/// One answer over several lines; the messages of a stream one a line each.
fn print(message: &DynamicMessage, line: bool) -> Result<()> {
    let mut text = Vec::new();
    let options = SerializeOptions::new();
    if line {
        message.serialize_with_options(&mut serde_json::Serializer::new(&mut text), &options)?;
    } else {
        let mut pretty = serde_json::Serializer::pretty(&mut text);
        message.serialize_with_options(&mut pretty, &options)?;
    }
    text.push(b'\n');
    let mut out = std::io::stdout().lock();
    out.write_all(&text)?;
    out.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_strictly() {
        let of = || method::find("CreateTicket").unwrap().descriptor.input();
        let message = request(of(), Some(r#"{"ticket": {"kind": "KIND_COMPLAINT"}}"#)).unwrap();
        assert!(message.has_field_by_name("ticket"));
        assert!(request(of(), None).is_ok());
        for (bad, part) in [
            (r#"{"tickt": {}}"#, "tickt"),
            (r#"{"ticket": {"kind": "KIND_COMPLANT"}}"#, "KIND_COMPLANT"),
            ("{} x", "trailing"),
            ("{", "EOF"),
        ] {
            let error = request(of(), Some(bad)).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
            assert!(error.contains("aftercare.tickets.v1.CreateTicketRequest"), "{error}");
        }
        assert!(request(of(), Some("@/nowhere")).is_err());
    }
}
