//! What holds of the errors of every service.

use std::collections::BTreeSet;

use kernel::Fault;

/// One error of each kind in a line, for a golden: code, reason, its message in both languages,
/// metadata.
///
/// # Panics
/// Where their reasons are not just those of the contract, which `name` tells by their numbers from 1 on,
/// or where a quoted word of a message is not in its metadata.
pub fn table<F: Fault>(samples: &[F], name: impl Fn(i32) -> Option<&'static str>) -> String {
    let used: BTreeSet<_> = samples.iter().map(F::reason).collect();
    let known: BTreeSet<_> = (1..).map_while(name).collect();
    assert_eq!(used, known);
    samples.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn line<F: Fault>(error: &F) -> String {
    let (message, metadata) = (error.to_string(), error.metadata());
    for word in message.split('`').skip(1).step_by(2) {
        assert!(metadata.iter().any(|(_, value)| value == word), "{message}");
    }
    let (code, reason) = (error.code(), error.reason());
    let zh = error.message_zh().unwrap_or_else(|| "-".to_owned());
    format!("{code:?} {reason} {message} | {zh} | {metadata:?}")
}
