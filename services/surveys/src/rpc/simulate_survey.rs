//! `SimulateSurvey`: what answers lead to.

use contracts::surveys::v1::{AnswerFault, SimulateSurveyRequest, SimulateSurveyResponse};
use kernel::Violations;
use rpc::Call;

use crate::{App, Error, command, convert, domain::logic::Logic, rpc::get_survey_version};

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: SimulateSurveyRequest,
) -> Result<SimulateSurveyResponse, Error> {
    let mut violations = Violations::new();
    let id = convert::survey_id(&request.name, "name", &mut violations);
    violations.check(request.version >= 0, "version", "must not be negative");
    let answers = convert::answers(&request.answers, "answers", &mut violations);
    violations.finish(())?;

    let questionnaire = match i64::from(request.version) {
        0 => command::find(&app, &call, id).await?.draft,
        number => get_survey_version::find(&app, &call, id, number).await?.questionnaire,
    };
    let logic = Logic::read(&questionnaire).map_err(|faults| Error::faulty(&id.name(), faults))?;
    let path = logic.replay(&answers);
    let fault = |(question, description)| AnswerFault { question, description };
    Ok(SimulateSurveyResponse {
        steps: path.steps.into_iter().map(convert::step).collect(),
        faults: path.wrong.into_iter().map(fault).collect(),
        follow_up: path.follow_up,
    })
}

#[cfg(test)]
mod tests {
    use contracts::surveys::v1::{Answer, QuestionKind, answer::Value};

    use super::*;
    use crate::rpc::fixture::{Fixture, editor, fields, question, stranger, with};

    #[tokio::test]
    async fn answers_are_played_through_a_draft_and_a_version() {
        let fixture = Fixture::new().await;
        let nps = question("recommend", QuestionKind::Nps);
        let mut why = question("why", QuestionKind::ShortText);
        why.visible_if = "answers.recommend <= 6".to_owned();
        why.required = true;
        let made = fixture.made(with("After a repair", vec![nps, why])).await;
        fixture.publish(&made.name).await.unwrap();
        let play = async |call, version, number| {
            let value = Some(Value::Number(number));
            let asked = SimulateSurveyRequest {
                name: made.name.clone(),
                version,
                answers: vec![Answer { question: "recommend".to_owned(), value }],
            };
            handle(fixture.app.clone(), call, asked).await
        };
        for version in [0, 1] {
            let good = play(editor(), version, 9).await.unwrap();
            let visible: Vec<_> = good.steps.iter().map(|step| step.visible).collect();
            assert_eq!((visible, good.faults), (vec![true, false], Vec::new()));
            assert!(!good.follow_up);
            let bad = play(editor(), version, 3).await.unwrap();
            assert!(bad.steps[1].visible && bad.steps[1].required);
            assert_eq!(bad.faults[0].question, "why");
        }
        assert!(matches!(play(editor(), 2, 3).await, Err(Error::VersionNotFound { .. })));
        assert!(matches!(play(stranger(), 0, 3).await, Err(Error::SurveyNotFound { .. })));
        assert!(matches!(play(stranger(), 1, 3).await, Err(Error::VersionNotFound { .. })));
        let twice = SimulateSurveyRequest {
            name: made.name.clone(),
            answers: vec![Answer::default(), Answer::default()],
            version: -1,
        };
        let error = handle(fixture.app.clone(), editor(), twice).await.unwrap_err();
        assert_eq!(fields(&error), ["version", "answers[0]", "answers[1]"]);
    }
}
