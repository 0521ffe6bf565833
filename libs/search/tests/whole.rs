//! An index stays whole: reopened, rebuilt, damaged.
#![expect(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

use std::fs;
use std::path::{Path, PathBuf};

use aftercare_search::{Analyzer, Change, Entry, Index, OpenError, Search, Settings};
use uuid::Uuid;

/// What is done to a file.
type Harm = fn(&Path);

fn change(number: u128, title: &str) -> Change {
    let entry = Entry {
        locale: "zh-CN".to_owned(),
        title: title.to_owned(),
        questions: vec![format!("{title}吗")],
        ..Entry::default()
    };
    Change::Replace { article: Uuid::from_u128(number), entries: vec![entry] }
}

fn create(dir: &Path) -> Index {
    Index::create(dir, Analyzer::new(), Settings::default()).unwrap()
}

fn open(dir: &Path) -> Result<Index, OpenError> {
    Index::open(dir, Analyzer::new(), Settings::default())
}

fn finds(index: &Index, text: &str) -> usize {
    let search = Search { text: text.to_owned(), limit: 100, ..Search::default() };
    index.search(&search).unwrap().hits.len()
}

fn generations(dir: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    all.sort();
    all
}

#[test]
fn what_was_not_committed_is_not_there() {
    let dir = tempfile::tempdir().unwrap();
    let index = create(dir.path());
    assert_eq!(index.cursor().unwrap(), None);
    index.apply([change(1, "退货")], "7").unwrap();
    // The process dies while changes are on their way.
    let died = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let changes =
            (2..50).map(|number| if number == 40 { panic!() } else { change(number, "退货") });
        index.apply(changes, "8")
    }));
    assert!(died.is_err());
    std::mem::forget(index);
    // A process that died holds no lock; this one does, so its folder is looked at as a copy.
    let copy = tempfile::tempdir().unwrap();
    copy_all(dir.path(), copy.path());
    let index = open(copy.path()).unwrap();
    assert_eq!((index.cursor().unwrap().as_deref(), finds(&index, "退货")), (Some("7"), 1));
    index.apply([change(2, "退货")], "8").unwrap();
    assert_eq!((index.cursor().unwrap().as_deref(), finds(&index, "退货")), (Some("8"), 2));
}

#[test]
fn a_failed_change_leaves_the_index_usable() {
    let dir = tempfile::tempdir().unwrap();
    let index = create(dir.path());
    index.apply([change(1, "退货")], "7").unwrap();
    let died = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let changes =
            (2..9).map(|number| if number == 5 { panic!() } else { change(number, "退货") });
        index.apply(changes, "8")
    }));
    assert!(died.is_err());
    index.apply([change(9, "退货")], "9").unwrap();
    assert_eq!((index.cursor().unwrap().as_deref(), finds(&index, "退货")), (Some("9"), 2));
}

#[test]
fn a_rebuild_serves_the_old_until_it_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let index = create(dir.path());
    index.apply([change(1, "旧的退货")], "5").unwrap();
    let rebuild = index.begin_rebuild().unwrap();
    for number in 1..=20 {
        rebuild.add(&change(number, "新的退货")).unwrap();
    }
    // Meanwhile the old one serves, and is changed.
    index.apply([change(2, "旧的退货")], "6").unwrap();
    assert_eq!((finds(&index, "旧的退货"), finds(&index, "新的退货")), (2, 2));
    index.finish_rebuild(rebuild, "6").unwrap();
    assert_eq!(index.cursor().unwrap().as_deref(), Some("6"));
    assert_eq!(finds(&index, "新的退货"), 20);
    assert_eq!(generations(dir.path()).len(), 1);
    index.apply([change(21, "新的退货")], "7").unwrap();
    assert_eq!(finds(&index, "新的退货"), 21);
    drop(index);
    let index = open(dir.path()).unwrap();
    assert_eq!((index.cursor().unwrap().as_deref(), finds(&index, "新的退货")), (Some("7"), 21));
}

#[test]
fn leftovers_of_a_rebuild_that_died_are_removed() {
    let dir = tempfile::tempdir().unwrap();
    let index = create(dir.path());
    index.apply([change(1, "退货")], "5").unwrap();
    let rebuild = index.begin_rebuild().unwrap();
    rebuild.add(&change(1, "换货")).unwrap();
    assert_eq!(generations(dir.path()).len(), 2);
    drop(rebuild);
    assert_eq!(generations(dir.path()).len(), 1);
    let rebuild = index.begin_rebuild().unwrap();
    std::mem::forget(rebuild);
    drop(index);
    let index = open(dir.path()).unwrap();
    assert_eq!((generations(dir.path()).len(), finds(&index, "退货")), (1, 1));
}

#[test]
fn damage_is_told_and_creating_is_the_remedy() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(open(dir.path()), Err(OpenError::Missing)));
    let index = create(dir.path());
    index.apply((0..200).map(|number| change(number, "退货")), "5").unwrap();
    index.rest().unwrap();
    drop(index);
    let generation = generations(dir.path()).pop().unwrap();
    let broken: [(&str, Harm); 4] = [
        ("meta.json", |path| fs::write(path, b"{\"segments\":").unwrap()),
        ("meta.json", |path| fs::remove_file(path).unwrap()),
        ("idx", |path| fs::write(path, b"").unwrap()),
        ("store", |path| fs::remove_file(path).unwrap()),
    ];
    for (name, harm) in broken {
        let copy = tempfile::tempdir().unwrap();
        copy_all(dir.path(), copy.path());
        let folder = copy.path().join(generation.file_name().unwrap());
        harm(&file(&folder, name));
        let error = open(copy.path()).map(|_| ()).unwrap_err();
        assert!(error.needs_rebuild(), "{name}: {error:?}");
        let index = create(copy.path());
        assert_eq!((index.cursor().unwrap(), finds(&index, "退货")), (None, 0));
        assert_eq!(generations(copy.path()).len(), 1);
    }
}

#[test]
fn a_flipped_bit_is_found_by_verifying() {
    let dir = tempfile::tempdir().unwrap();
    let index = create(dir.path());
    index.apply((0..200).map(|number| change(number, "退货")), "5").unwrap();
    index.rest().unwrap();
    index.verify().unwrap();
    drop(index);
    let store = file(&generations(dir.path())[0], "store");
    let mut bytes = fs::read(&store).unwrap();
    bytes[20] ^= 1;
    fs::write(&store, bytes).unwrap();
    let index = open(dir.path()).unwrap();
    assert!(index.verify().unwrap_err().needs_rebuild());
}

#[test]
fn another_version_is_told() {
    let dir = tempfile::tempdir().unwrap();
    drop(create(dir.path()));
    fs::write(dir.path().join("current"), br#"{"version":77,"generation":1}"#).unwrap();
    let error = open(dir.path()).map(|_| ()).unwrap_err();
    assert!(matches!(error, OpenError::Version { found: 77, .. }) && error.needs_rebuild());
}

#[test]
fn many_small_commits_stay_few_segments() {
    let dir = tempfile::tempdir().unwrap();
    let index = create(dir.path());
    for number in 0..60 {
        index.apply([change(number % 20, "退货")], &number.to_string()).unwrap();
    }
    index.rest().unwrap();
    let size = index.size().unwrap();
    assert_eq!((finds(&index, "退货"), size.documents), (20, 40));
    assert!(size.segments <= 12, "{size:?}");
}

fn file(folder: &Path, ending: &str) -> PathBuf {
    let mut all: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.sort();
    let wanted = |path: &PathBuf| path.to_str().unwrap().ends_with(ending);
    all.into_iter().find(wanted).unwrap()
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_all(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}
