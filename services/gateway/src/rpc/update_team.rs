//! `UpdateTeam`: writes what a team is called.

use contracts::gateway::v1::{Team as Answer, UpdateTeamRequest, gateway_event::Change};
use kernel::{Violations, etag::Demand, mask::Mask};
use rpc::{Call, wire};

use crate::{
    App, Error,
    command::{self, Command},
    convert,
    domain::member::Team,
    events,
};

const METHOD: &str = "aftercare.gateway.v1.TeamService/UpdateTeam";
const WRITABLE: &[&str] = &["title"];

/// What is to be written.
#[derive(Debug)]
struct Update {
    id: String,
    etag: Demand,
    title: String,
}

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: UpdateTeamRequest,
) -> Result<Answer, Error> {
    let request_id = std::mem::take(&mut request.request_id);
    let Update { id, etag, title } = parse(&request, &request_id)?;
    let once = app.once(&call, METHOD, &request_id, &request);
    let command = Command { id, etag, once };
    let updated = command::on_team(&app, &call, &command, |team, at| {
        team.rename(&title, at).map(|team| {
            let change = Change::TeamUpdated(events::team(&team));
            (team, change)
        })
    });
    Ok(convert::team(&updated.await?))
}

fn parse(request: &UpdateTeamRequest, request_id: &str) -> Result<Update, Violations> {
    let mut violations = Violations::new();
    wire::check_request_id(request_id, &mut violations);
    let given = request.team.clone().unwrap_or_default();
    let id = convert::id_in(&given.name, "teams", "team.name", &mut violations);
    let paths = request.update_mask.as_ref().map(|mask| mask.paths.as_slice());
    let mask = Mask::parse(paths, WRITABLE, |_| !given.title.is_empty(), &mut violations);
    violations.check(!mask.is_empty() || !violations.is_empty(), "update_mask", "names no field");
    if mask.has("title") {
        Team::check_title(&given.title, &mut violations);
    }
    let etag = Demand::parse(&given.etag);
    violations.finish(Update { id, etag, title: given.title })
}

#[cfg(test)]
mod tests {
    use prost_types::FieldMask;

    use super::*;
    use crate::{
        error::Kind,
        rpc::{
            fixture::{
                Fixture, admin, agent, fields, narrow_reaches, narrowed, operator, request_id,
                stranger,
            },
            get_team,
        },
    };

    fn request(title: &str, paths: Option<&[&str]>) -> UpdateTeamRequest {
        let team = Answer {
            name: "teams/resolution".to_owned(),
            title: title.to_owned(),
            ..Answer::default()
        };
        let update_mask = paths.map(|paths| FieldMask {
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        });
        UpdateTeamRequest { team: Some(team), update_mask, request_id: String::new() }
    }

    #[tokio::test]
    async fn a_title_is_written_once_and_told_once() {
        let fixture = Fixture::new().await;
        let mut asked = request("Complaints", None);
        asked.request_id = request_id(1);
        asked.team.as_mut().unwrap().etag = "v1".to_owned();
        let updated = handle(fixture.app.clone(), admin(), asked.clone()).await.unwrap();
        assert_eq!((updated.title.as_str(), updated.etag.as_str()), ("Complaints", "v2"));
        let again = handle(fixture.app.clone(), admin(), asked.clone()).await.unwrap();
        assert_eq!(again, updated);
        assert_eq!(get_team::by_id(&fixture.app, &agent(), "resolution").await.unwrap(), updated);
        asked.request_id.clear();
        let error = handle(fixture.app.clone(), admin(), asked).await.unwrap_err();
        assert!(matches!(error, Error::StaleEtag { .. }), "{error:?}");
        let same = handle(fixture.app.clone(), admin(), request("Complaints", None)).await.unwrap();
        assert_eq!(same.etag, "v2");
        let theirs = get_team::by_id(&fixture.app, &stranger(), "resolution").await.unwrap();
        assert_eq!(theirs.title, "Team resolution");
    }

    #[tokio::test]
    async fn wrong_missing_and_out_of_reach_are_refused() {
        let fixture = Fixture::new().await;
        for (title, paths) in
            [("x", Some(["name"].as_slice())), ("x", Some(&[])), ("", None), ("x", Some(&["etag"]))]
        {
            let asked = request(title, paths);
            let error = handle(fixture.app.clone(), admin(), asked).await.unwrap_err();
            assert_eq!(fields(&error), ["update_mask"]);
        }
        let error = handle(fixture.app.clone(), admin(), request("", Some(&["title"]))).await;
        assert_eq!(fields(&error.unwrap_err()), ["team.title"]);
        let mut calls = narrow_reaches().map(|reach| narrowed(admin(), reach)).to_vec();
        calls.push(operator());
        for call in calls {
            let error = handle(fixture.app.clone(), call, request("x", None)).await.unwrap_err();
            assert!(matches!(error, Error::Missing { kind: Kind::Team, .. }), "{error:?}");
        }
    }
}
