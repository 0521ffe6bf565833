//! `GetApiKey`: one key, without anything that lets anybody in.

use contracts::gateway::v1::{ApiKey as Answer, GetApiKeyRequest};
use kernel::{ApiKeyId, Violations};
use rpc::Call;

use crate::{App, Error, authority::reaches_staff, convert, error::Kind, store::api_keys};

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: GetApiKeyRequest,
) -> Result<Answer, Error> {
    let mut violations = Violations::new();
    convert::key_id(&request.name, "name", &mut violations);
    violations.finish(())?;
    by_name(&app, &call, &request.name).await
}

/// The key of this name, if the caller reaches it.
pub(crate) async fn by_name(app: &App, call: &Call, name: &str) -> Result<Answer, Error> {
    let id = ApiKeyId::parse_name(name).filter(|_| reaches_staff(call));
    let found = match id {
        Some(id) => api_keys::get(&app.db, call.tenant(), id).await?,
        None => None,
    };
    found.map(|key| convert::api_key(&key)).ok_or_else(|| Error::missing(Kind::ApiKey, name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::fixture::{
        Fixture, admin, fields, narrow_reaches, narrowed, operator, stranger,
    };

    #[tokio::test]
    async fn missing_foreign_and_out_of_reach_are_the_same() {
        let fixture = Fixture::new().await;
        let made = fixture.made_key(&["tickets.read"]).await.api_key.unwrap();
        let get = async |call, name: &str| {
            handle(fixture.app.clone(), call, GetApiKeyRequest { name: name.to_owned() }).await
        };
        assert_eq!(get(admin(), &made.name).await.unwrap(), made);
        let missing = "apiKeys/0198b2a0-0000-7000-8000-000000000001";
        let mut refused = vec![get(admin(), missing).await.unwrap_err()];
        let mut calls = narrow_reaches().map(|reach| narrowed(admin(), reach)).to_vec();
        calls.extend([operator(), stranger()]);
        for call in calls {
            refused.push(get(call, &made.name).await.unwrap_err());
        }
        for error in refused {
            let Error::Missing { kind: Kind::ApiKey, name } = &error else { panic!("{error:?}") };
            assert_eq!(error.to_string(), format!("there is no api_key `{name}`"));
        }
        for name in ["", "apiKeys/", "apiKeys/x", "ak_x"] {
            assert_eq!(fields(&get(admin(), name).await.unwrap_err()), ["name"]);
        }
    }
}
