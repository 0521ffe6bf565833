//! `ListAccessRecords`: who came in, was turned away, or saw what is usually masked.

use contracts::gateway::v1::{AccessKind, ListAccessRecordsRequest, ListAccessRecordsResponse};
use kernel::{Violations, page};
use rpc::{Call, wire};

use crate::{
    App, Error,
    authority::reaches_staff,
    convert,
    position::Position,
    store::access::{self, Path},
};

const MAX_SUBJECT: usize = 255;

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: ListAccessRecordsRequest,
) -> Result<ListAccessRecordsResponse, Error> {
    let mut violations = Violations::new();
    let path = path(&request, &mut violations);
    let query =
        page::Query::new(&app.tokens, call.tenant(), "ListAccessRecords", &format!("{path:?}"));
    let size = page::size(request.page_size, &mut violations);
    let start = query.start(&request.page_token, &mut violations);
    violations.finish(())?;
    if !reaches_staff(&call) {
        return Ok(ListAccessRecordsResponse::default());
    }

    let rows = access::list(&app.db, call.tenant(), &path, start, size + 1).await?;
    let (access_records, last) = wire::page_of(&rows, size, convert::access_record);
    let next = last.map(|last| Position { at: last.at, id: last.id });
    Ok(ListAccessRecordsResponse { access_records, next_page_token: query.token(next) })
}

/// The access path that a request goes by; another combination is a violation that names them.
fn path(request: &ListAccessRecordsRequest, violations: &mut Violations) -> Path {
    let Ok(kind) = AccessKind::try_from(request.kind) else {
        violations.add("kind", "is none that there is");
        return Path::All;
    };
    violations.text("subject", &request.subject, 0, MAX_SUBJECT);
    match (kind, request.subject.as_str()) {
        (AccessKind::Unspecified, "") => Path::All,
        (kind, "") => Path::Kind(kind),
        (AccessKind::Unspecified, subject) => Path::Subject(subject.to_owned()),
        (_, _) => {
            violations.add("subject", "does not go with `kind`: name one of them or none");
            Path::All
        }
    }
}

#[cfg(test)]
mod tests {
    use contracts::r#type::v1::ActorKind;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::{
        access::run,
        rpc::fixture::{
            Fixture, START, admin, agent, fields, narrow_reaches, narrowed, operator, stranger,
            system, tenant,
        },
    };

    const GET: &str = "/aftercare.customers.v1.CustomerService/GetCustomer";

    /// Three minutes: in each a sign-in of the agent, a refusal of the agent, an unmasked answer to
    /// a system.
    async fn recorded() -> Fixture {
        let fixture = Fixture::new().await;
        let (app, log) = (&fixture.app, fixture.app.access_log());
        for _ in 0..3 {
            log.record(tenant(1), AccessKind::SignIn, &agent().caller, "", "oidc");
            log.record(tenant(1), AccessKind::Denied, &agent().caller, GET, "oidc");
            log.record(tenant(1), AccessKind::Unmasked, &system(&["*"]).caller, GET, "key");
            app.clock.advance(std::time::Duration::from_mins(1));
        }
        let stop = CancellationToken::new();
        stop.cancel();
        run(app.clone(), stop).await;
        fixture
    }

    async fn all(
        fixture: &Fixture,
        kind: AccessKind,
        subject: &str,
    ) -> Vec<contracts::gateway::v1::AccessRecord> {
        let mut seen = Vec::new();
        let mut page_token = String::new();
        loop {
            let (kind, subject) = (kind.into(), subject.to_owned());
            let asked = ListAccessRecordsRequest { kind, subject, page_size: 2, page_token };
            let page = handle(fixture.app.clone(), admin(), asked).await.unwrap();
            assert!(page.access_records.len() <= 2);
            seen.extend(page.access_records);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return seen;
            }
        }
    }

    #[tokio::test]
    async fn each_access_path_is_newest_first() {
        let fixture = recorded().await;
        let seen = all(&fixture, AccessKind::Unspecified, "").await;
        assert_eq!(seen.len(), 9);
        let time = |record: &contracts::gateway::v1::AccessRecord| record.time.unwrap().seconds;
        assert!(seen.windows(2).all(|pair| time(&pair[0]) >= time(&pair[1])));
        let denied = all(&fixture, AccessKind::Denied, "").await;
        assert_eq!(denied.len(), 3);
        let first = &denied[2];
        assert_eq!(first.time, Some(rpc::wire::timestamp(START)));
        assert_eq!((first.method.as_str(), first.credential.as_str()), (GET, "oidc"));
        let actor = first.actor.clone().unwrap();
        assert_eq!((actor.kind(), actor.subject.as_str()), (ActorKind::Member, "members/amy"));
        assert_eq!(first.count, 1);
        assert_eq!(all(&fixture, AccessKind::Unspecified, "members/amy").await.len(), 6);
        assert_eq!(all(&fixture, AccessKind::Unspecified, "shop").await.len(), 3);
        assert!(all(&fixture, AccessKind::Unspecified, "members/wu").await.is_empty());
    }

    #[tokio::test]
    async fn other_combinations_and_tokens_of_other_lists_are_refused() {
        let fixture = recorded().await;
        let (kind, subject) = (AccessKind::Denied.into(), "members/amy".to_owned());
        let both = ListAccessRecordsRequest { kind, subject, ..Default::default() };
        let error = handle(fixture.app.clone(), admin(), both).await.unwrap_err();
        assert_eq!(fields(&error), ["subject"]);
        let none = ListAccessRecordsRequest { kind: 9, page_size: -1, ..Default::default() };
        let error = handle(fixture.app.clone(), admin(), none).await.unwrap_err();
        assert_eq!(fields(&error), ["kind", "page_size"]);
        let one = ListAccessRecordsRequest { page_size: 1, ..Default::default() };
        let page = handle(fixture.app.clone(), admin(), one.clone()).await.unwrap();
        let page_token = page.next_page_token;
        let elsewhere = ListAccessRecordsRequest { kind, page_token: page_token.clone(), ..one };
        let error = handle(fixture.app.clone(), admin(), elsewhere).await.unwrap_err();
        assert_eq!(fields(&error), ["page_token"]);
        let abroad = ListAccessRecordsRequest { page_token, ..Default::default() };
        let error = handle(fixture.app.clone(), stranger(), abroad).await.unwrap_err();
        assert_eq!(fields(&error), ["page_token"]);
    }

    #[tokio::test]
    async fn nobody_else_sees_them() {
        let fixture = recorded().await;
        let mut calls = narrow_reaches().map(|reach| narrowed(admin(), reach)).to_vec();
        calls.extend([operator(), stranger()]);
        for call in calls {
            let request = ListAccessRecordsRequest::default();
            let page = handle(fixture.app.clone(), call, request).await.unwrap();
            assert!(page.access_records.is_empty());
        }
    }
}
