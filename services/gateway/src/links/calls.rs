//! What the services answer to who holds a link.

use contracts::{
    surveys::v1::{
        Answer, GetInvitedSurveyRequest, InvitedSurvey, SaveProgressRequest, SubmitResponseRequest,
        response_service_client::ResponseServiceClient,
    },
    tickets::v1::{
        ConfirmResultRequest, GetResultRequest, ObjectToResultRequest, TicketResult,
        result_service_client::ResultServiceClient,
    },
};
use http::header;
use kernel::Locale;
use rpc::Link;
use tonic::{
    Code, Request, Status,
    metadata::{AsciiMetadataValue, errors::InvalidMetadataValue},
};
use tonic_types::StatusExt as _;
use uuid::Uuid;

use crate::pages::{Problem, asked};

/// What violations of an answer name begins with.
const ANSWERS: &str = "answers.";

/// Calls with a link as their credential.
pub(super) struct Calls<'a> {
    link: &'a Link,
    authorization: AsciiMetadataValue,
    locale: Locale,
}

/// What a link asks its holder.
#[derive(Clone, Debug)]
pub(super) enum Asking {
    /// Nothing.
    Nothing,
    /// This.
    Open(Box<InvitedSurvey>),
    /// Nothing any more.
    Closed,
    /// Nobody can tell now.
    Away,
}

/// Why something that was sent is not recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// It is wrong in itself; with the questions whose answers are.
    Faulty(Vec<String>),
    /// It cannot be said any more, or not yet.
    State,
    /// The form was sent before, with something else in it.
    Repeated,
    /// Something else happened at the same moment.
    Lost,
    /// There is no page to say it by.
    Problem(Problem),
}

impl<'a> Calls<'a> {
    /// Calls over `link` with this token, for a page in this language.
    pub(super) fn new(
        link: &'a Link,
        token: &str,
        locale: Locale,
    ) -> Result<Self, InvalidMetadataValue> {
        let mut authorization: AsciiMetadataValue = format!("Link {token}").parse()?;
        authorization.set_sensitive(true);
        Ok(Self { link, authorization, locale })
    }

    /// The ticket of the link.
    pub(super) async fn result(&self) -> Result<TicketResult, Problem> {
        let answer = self.tickets().get_result(self.dressed(GetResultRequest {})).await;
        answer.map(tonic::Response::into_inner).map_err(problem)
    }

    /// The survey of the link. That it cannot be told is no reason to show nothing else.
    pub(super) async fn survey(&self) -> Result<Asking, Problem> {
        let answer =
            self.surveys().get_invited_survey(self.dressed(GetInvitedSurveyRequest {})).await;
        match answer.map_err(Refused::from) {
            Ok(survey) => Ok(Asking::Open(Box::new(survey.into_inner()))),
            Err(Refused::State) => Ok(Asking::Closed),
            Err(Refused::Problem(Problem::NoLink)) => Ok(Asking::Nothing),
            Err(Refused::Problem(problem @ Problem::TooMany(_))) => Err(problem),
            Err(Refused::Faulty(_) | Refused::Repeated | Refused::Lost | Refused::Problem(_)) => {
                Ok(Asking::Away)
            }
        }
    }

    /// Agrees to a resolution.
    pub(super) async fn confirm(&self, instance: i32, id: Uuid) -> Result<(), Refused> {
        let request = ConfirmResultRequest { instance, request_id: id.to_string() };
        self.tickets().confirm_result(self.dressed(request)).await?;
        Ok(())
    }

    /// Objects to it, in these words.
    pub(super) async fn object(
        &self,
        instance: i32,
        objection: String,
        id: Uuid,
    ) -> Result<(), Refused> {
        let request = ObjectToResultRequest { instance, objection, request_id: id.to_string() };
        self.tickets().object_to_result(self.dressed(request)).await?;
        Ok(())
    }

    /// Keeps answers, and says what they lead to.
    pub(super) async fn save(&self, answers: Vec<Answer>) -> Result<InvitedSurvey, Refused> {
        let request = SaveProgressRequest { answers };
        Ok(self.surveys().save_progress(self.dressed(request)).await?.into_inner())
    }

    /// Submits answers.
    pub(super) async fn submit(
        &self,
        answers: Vec<Answer>,
        locale: Locale,
        id: Uuid,
    ) -> Result<(), Refused> {
        let locale = locale.tag().to_owned();
        let request = SubmitResponseRequest { response_id: id.to_string(), answers, locale };
        self.surveys().submit_response(self.dressed(request)).await?;
        Ok(())
    }

    fn tickets(&self) -> ResultServiceClient<Link> {
        ResultServiceClient::new(self.link.clone())
    }

    fn surveys(&self) -> ResponseServiceClient<Link> {
        ResponseServiceClient::new(self.link.clone())
    }

    fn dressed<T>(&self, message: T) -> Request<T> {
        let mut request = asked(message);
        let headers = request.metadata_mut();
        headers.insert(header::AUTHORIZATION.as_str(), self.authorization.clone());
        let locale = AsciiMetadataValue::from_static(self.locale.tag());
        headers.insert(header::ACCEPT_LANGUAGE.as_str(), locale);
        request
    }
}

/// What of a page of a link is not there is the link's fault.
fn problem(status: Status) -> Problem {
    match Problem::from(status) {
        Problem::NotFound => Problem::NoLink,
        other => other,
    }
}

impl From<Status> for Refused {
    fn from(status: Status) -> Self {
        match status.code() {
            Code::InvalidArgument => {
                let details = status.get_error_details();
                let faults = details.bad_request().map_or(&[][..], |bad| &bad.field_violations);
                let question = |field: &str| {
                    let question = field.strip_prefix(ANSWERS)?;
                    Some(question.split('.').next().unwrap_or_default().to_owned())
                };
                Self::Faulty(faults.iter().filter_map(|one| question(&one.field)).collect())
            }
            Code::FailedPrecondition => Self::State,
            Code::AlreadyExists => Self::Repeated,
            Code::Aborted => Self::Lost,
            _ => Self::Problem(problem(status)),
        }
    }
}

#[cfg(test)]
mod tests {
    use kernel::{Fault, Violations};

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("it is refused")]
    struct Bad(kernel::Code, Violations);

    impl Fault for Bad {
        fn code(&self) -> kernel::Code {
            self.0
        }

        fn reason(&self) -> &'static str {
            "INVALID_REQUEST"
        }

        fn domain(&self) -> &'static str {
            "surveys.aftercare"
        }

        fn violations(&self) -> &[kernel::Violation] {
            self.1.as_slice()
        }
    }

    fn refused(code: kernel::Code, fields: &[&str]) -> Refused {
        let mut violations = Violations::new();
        for field in fields {
            violations.add(*field, "must be answered");
        }
        Refused::from(rpc::status::of(&Bad(code, violations), Locale::En))
    }

    #[test]
    fn a_refusal_names_the_questions_whose_answers_are_wrong() {
        let fields = ["answers.overall", "answers.reasons.ids[1]", "response_id"];
        let faulty = refused(kernel::Code::InvalidArgument, &fields);
        assert_eq!(faulty, Refused::Faulty(vec!["overall".to_owned(), "reasons".to_owned()]));
        assert_eq!(refused(kernel::Code::FailedPrecondition, &[]), Refused::State);
        assert_eq!(refused(kernel::Code::AlreadyExists, &[]), Refused::Repeated);
        assert_eq!(refused(kernel::Code::Aborted, &[]), Refused::Lost);
        let missing = refused(kernel::Code::NotFound, &[]);
        assert_eq!(missing, Refused::Problem(Problem::NoLink));
        let away = refused(kernel::Code::Unavailable, &[]);
        assert_eq!(away, Refused::Problem(Problem::Away));
    }
}
