//! kill -9 while articles are published, indexed and the index is built anew: no acknowledged write is
//! lost, none without an answer is half there, and the index is the one that a fresh build makes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use aftercare_crash::{
    articles::{Hit, Piece, Writers, read, search},
    crash::{revive, rounds_or},
    dice::Dice,
    door::{Door, TENANT},
};
use aftercare_e2e::{Backend, Suite, suite::channel, until};
use contracts::r#type::v1::{
    RebuildIndexRequest, index_admin_service_client::IndexAdminServiceClient,
};
use tokio::task::JoinSet;

use crate::begin;

/// How often the suite is killed on each database where nobody says otherwise.
const ROUNDS: u64 = 10;

#[tokio::test(flavor = "multi_thread")]
async fn articles_and_their_index_outlive_kills_on_sqlite() {
    let (_machine, dice) = begin("knowledge killed on SQLite").await;
    Box::pin(survives(Backend::Sqlite, dice)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn articles_and_their_index_outlive_kills_on_postgres() {
    let (_machine, dice) = begin("knowledge killed on PostgreSQL").await;
    Box::pin(survives(Backend::Postgres, dice)).await;
}

async fn survives(backend: Backend, mut dice: Dice) {
    let suite = Suite::new(backend).await;
    let mut process = suite.serve(&[]).await;
    let (mut pieces, mut answered, mut open) = (Vec::new(), 0, 0);
    let builds = Builds::default();
    for round in 1..=rounds_or(ROUNDS) {
        let door = Door::of(&suite);
        let writers = Writers::start(&door, pieces, &mut dice);
        let mut builder = builds.start(&suite);
        let goal = 5 + usize::try_from(dice.below(60)).unwrap_or_default();
        until("the writers write", async || {
            (writers.answered.load(Ordering::Relaxed) >= goal).then_some(())
        })
        .await;
        if round == 1 {
            until("an index is built anew under load", async || {
                (builds.counts()[1] > 0).then_some(())
            })
            .await;
        }
        let moment = dice.below(30_000);
        tokio::time::sleep(Duration::from_micros(moment)).await;
        process.kill();
        println!("round {round}: killed {moment} µs after {goal} writes");
        answered += writers.answered.load(Ordering::Relaxed);
        pieces = writers.finish().await;
        while let Some(end) = builder.join_next().await {
            end.expect("the builder has come to its end");
        }
        open += pieces.iter().filter(|piece| piece.is_open()).count();
        process = revive(&suite, &[], &mut dice).await;
        // Another way in: the one before has lost its connection.
        let door = Door::of(&suite);
        is_as_it_was_told(&door, &mut pieces).await;
        index_is_as_built_anew(&suite, &door, &pieces).await;
    }
    let [begun, whole] = builds.counts();
    println!("{answered} writes answered, {open} not; {begun} builds begun, {whole} whole");
    assert!(open > 0, "no kill has met a write");
    assert!(begun > whole, "each kill has met a build: one follows the other");
    planted(&pieces);
}

/// Builds of the index, one after the other until nobody answers.
#[derive(Debug, Default)]
struct Builds {
    begun: Arc<AtomicUsize>,
    whole: Arc<AtomicUsize>,
}

impl Builds {
    fn start(&self, suite: &Suite) -> JoinSet<()> {
        let (begun, whole) = (Arc::clone(&self.begun), Arc::clone(&self.whole));
        let channel = channel(suite.at("knowledge").admin);
        let mut builder = JoinSet::new();
        builder.spawn(async move {
            let mut client = IndexAdminServiceClient::new(channel);
            loop {
                begun.fetch_add(1, Ordering::Relaxed);
                let request = RebuildIndexRequest { tenant: TENANT.id().name() };
                if client.rebuild_index(request).await.is_err() {
                    return;
                }
                whole.fetch_add(1, Ordering::Relaxed);
            }
        });
        builder
    }

    fn counts(&self) -> [usize; 2] {
        [&self.begun, &self.whole].map(|count| count.load(Ordering::Relaxed))
    }
}

/// Every article is as its last answer told, or as the write without an answer makes it; and asked
/// again, that write is done once.
async fn is_as_it_was_told(door: &Door, pieces: &mut [Piece]) {
    for piece in pieces {
        let found = read(door, &piece.known.external_id).await.expect("the suite is back");
        assert_eq!(piece.wrong(&found), None);
        piece.ask(door).await.expect("what was asked once is answered now");
        let found = read(door, &piece.known.external_id).await.expect("the suite is back");
        assert_eq!(piece.wrong(&found), None);
    }
}

/// Each word of each revision finds what is live with it and nothing else, once the index has caught
/// up, and the same after it was built anew.
async fn index_is_as_built_anew(suite: &Suite, door: &Door, pieces: &[Piece]) {
    let mut words = Vec::new();
    for piece in pieces {
        words.extend(piece.words().into_iter().map(|word| (piece, word)));
    }
    for (piece, word) in &words {
        let wanted: Vec<Hit> = piece.known.found_by(word).into_iter().collect();
        until(&format!("`{word}` finds {wanted:?}"), async || {
            (search(door, word).await.ok()? == wanted).then_some(())
        })
        .await;
    }
    let built = suite.run(&["index", "rebuild", &TENANT.id().name()]);
    let documents: usize = pieces.iter().map(|piece| piece.known.documents()).sum();
    assert_eq!(built.out, format!("the index is whole: {documents} documents\n"), "{}", built.err);
    for (piece, word) in &words {
        let found = search(door, word).await.expect("the suite is there");
        let wanted: Vec<Hit> = piece.known.found_by(word).into_iter().collect();
        assert_eq!(found, wanted, "`{word}` finds something else in an index built anew");
    }
}

/// What would be wrong is found.
fn planted(pieces: &[Piece]) {
    let piece = pieces.iter().find(|piece| piece.known.live > 0).expect("something was published");
    let right = piece.known.clone();
    assert_eq!(piece.wrong(&right), None);
    let (mut lost, mut half, mut older) = (right.clone(), right.clone(), right.clone());
    lost.name.clear();
    half.words.push("zzhalf".to_owned());
    older.live -= 1;
    for (what, found) in [("lost", lost), ("half there", half), ("older", older)] {
        assert!(piece.wrong(&found).is_some(), "{what}: {found:?}");
    }
    let word = &right.words[right.live - 1];
    assert_eq!(right.found_by(word).is_none(), right.archived);
}
