//! Responses that other systems have, on both databases: whole or not at all, and once.

use contracts::surveys::v1::{self as pb, RecordResponseRequest};
use futures::future::join_all;
use kernel::ResponseId;
use store::{Sql, args};
use testing::each_db;
use uuid::Uuid;

use super::{app, scores::survey, tenant};
use crate::{
    Error, MIGRATIONS,
    rpc::{
        fixture::{editor, number, words},
        get_response, record_response,
    },
};

const EVENTS: Sql =
    Sql::both("SELECT sequence, kind FROM events WHERE tenant = $1 AND aggregate = $2");
const OUTBOX: Sql = Sql::both("SELECT COUNT(*) FROM outbox WHERE tenant = $1 AND aggregate = $2");

#[tokio::test]
async fn of_those_who_tell_it_at_once_one_is_heard() {
    each_db(MIGRATIONS, async |database| {
        let app = app(database).await;
        let survey = survey(&app).await;

        let id = Uuid::from_u128(7);
        let tell = async |rating: i32| {
            let response = pb::Response {
                name: ResponseId::from(id).name(),
                answers: vec![
                    number("recommend", 9),
                    number("overall", rating),
                    words("why", "It was mended at once."),
                ],
                ..Default::default()
            };
            let request = RecordResponseRequest { parent: survey.name(), response: Some(response) };
            record_response::handle(app.clone(), editor(), request).await
        };
        let told = join_all((0..6).map(|n| tell(4 + n % 2))).await;
        let (heard, others): (Vec<_>, Vec<_>) = told.into_iter().partition(Result::is_ok);
        let same = |error: &Error| matches!(error, Error::ResponseExists { .. });
        assert_eq!(heard.len(), 3, "{others:?}");
        assert!(others.iter().all(|one| one.as_ref().is_err_and(same)), "{others:?}");

        let get = pb::GetResponseRequest { name: ResponseId::from(id).name() };
        let kept = get_response::handle(app.clone(), editor(), get).await.unwrap();
        assert!(heard.iter().all(|one| one.as_ref().is_ok_and(|one| *one == kept)), "{heard:?}");
        let events: Vec<(i64, String)> = database.all(EVENTS, args![tenant(), id]).await.unwrap();
        assert_eq!(events, [(1, "response.submitted".to_owned())]);
        let outbox: (i64,) = database.one(OUTBOX, args![tenant(), id]).await.unwrap();
        assert_eq!(outbox, (1,));
    })
    .await;
}
