//! Which questions of a version have numbers, and how they are counted: read once, since versions
//! never change.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, PoisonError, RwLock},
};

use contracts::surveys::v1::QuestionKind;
use kernel::{SurveyId, TenantId};
use store::{Db, Tx};

use crate::{
    Error, convert,
    domain::{score::Measure, survey::Version},
    store::versions,
};

/// So many versions are kept in mind at most.
const MOST: usize = 10_000;

/// A version: whose, of what survey, and its number.
pub(crate) type Key = (TenantId, SurveyId, i64);

/// A question with numbers.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) id: String,
    pub(crate) kind: QuestionKind,
    pub(crate) measure: Measure,
}

/// What is counted of a version.
#[derive(Debug)]
pub(crate) struct Measured {
    /// The version that its series of scores began with.
    pub(crate) series: i64,
    /// The questions with numbers, in their order.
    pub(crate) questions: Vec<Question>,
    /// Their ids.
    pub(crate) ids: BTreeSet<String>,
}

/// What is counted of each version. Cloning is cheap.
#[derive(Clone, Debug, Default)]
pub(crate) struct Measures(Arc<RwLock<HashMap<Key, Arc<Measured>>>>);

impl Measures {
    /// What is counted of a version, where there is one.
    pub(crate) async fn of(&self, db: &Db, key: Key) -> Result<Option<Arc<Measured>>, Error> {
        if let Some(known) = self.known(&key) {
            return Ok(Some(known));
        }
        let (tenant, survey, number) = key;
        let version = versions::get(db, tenant, survey, number).await?;
        Ok(version.map(|version| self.keep(key, &version)))
    }

    /// The same within a transaction.
    pub(crate) async fn of_in(
        &self,
        tx: &mut Tx,
        key: Key,
    ) -> Result<Option<Arc<Measured>>, Error> {
        if let Some(known) = self.known(&key) {
            return Ok(Some(known));
        }
        let (tenant, survey, number) = key;
        let version = versions::get_in(tx, tenant, survey, number).await?;
        Ok(version.map(|version| self.keep(key, &version)))
    }

    fn known(&self, key: &Key) -> Option<Arc<Measured>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    fn keep(&self, key: Key, version: &Version) -> Arc<Measured> {
        let question = |question: &crate::domain::questionnaire::Question| {
            let measure = Measure::of(&question.kind)?;
            let kind = convert::wire_kind(&question.kind);
            Some(Question { id: question.id.clone(), kind, measure })
        };
        let all = version.questionnaire.questions.iter();
        let questions: Vec<_> = all.filter_map(question).collect();
        let ids = questions.iter().map(|question| question.id.clone()).collect();
        let measured = Arc::new(Measured { series: version.series, questions, ids });
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(key, measured.clone());
        measured
    }
}
