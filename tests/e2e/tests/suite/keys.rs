//! The root key beside its data: one that is lost is told, never made anew.

use std::fs;

use aftercare_e2e::{Backend, Desk, Suite, Tenant, suite::NameOnPanic};

#[tokio::test]
async fn a_root_key_that_is_missing_or_another_ones_is_told() {
    for backend in Backend::BOTH {
        let naming = NameOnPanic(backend);
        let suite = Suite::new(backend).await;
        let (key, kept) = (suite.home().join("root.key"), suite.home().join("kept.key"));
        let mut process = suite.serve(&[]).await;
        let desk = Desk::new(&suite, Tenant::North);
        let ticket = desk.claimed().await;
        assert_eq!(process.terminate(), 0, "{}", process.log());

        fs::rename(&key, &kept).unwrap();
        let missing = suite.run(&["serve"]);
        assert_eq!(missing.code, 1, "{}", missing.out);
        assert!(missing.err.contains("backup"), "{}", missing.err);
        assert!(!key.exists(), "none is made beside data that is sealed");
        let doctor = suite.run(&["doctor"]);
        assert_eq!(doctor.code, 1);
        assert!(doctor.out.contains("sealed by the root key"), "{}", doctor.out);

        fs::copy(&kept, &key).unwrap();
        fs::write(&key, "ab".repeat(32)).unwrap();
        let other = suite.run(&["serve"]);
        assert_eq!(other.code, 1, "{}", other.out);
        assert!(other.err.contains("sealed by the root key"), "{}", other.err);

        fs::rename(&kept, &key).unwrap();
        let _process = suite.serve(&[]).await;
        let request = serde_json::json!({ "name": ticket["name"] });
        desk.agent().call("GetTicket", request).await;
        drop(naming);
    }
}
