//! The settings of the chart at work: the job, then a process for each service, on PostgreSQL.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use aftercare_deploy::{
    chart::sets,
    running::{Release, address},
};

/// The first line of what the gateway answers.
fn visit(path: &str) -> String {
    let mut stream = TcpStream::connect((address("gateway"), 8080)).unwrap();
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: care.example.com\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.lines().next().unwrap_or_default().to_owned()
}

#[test]
fn a_release_starts_serves_and_ends() {
    let set = sets().iter().find(|set| set.name == "minimal-values.yaml").unwrap();
    let mut release = Release::new(set);
    release.migrate();
    release.serve();

    assert_eq!(visit("/docs"), "HTTP/1.1 200 OK");
    // The search is in another process than the page.
    assert_eq!(visit("/t/acme/en/search?q=refund"), "HTTP/1.1 200 OK");
    let consumers = release.run("tickets", &["feed", "list"]);
    assert!(consumers.contains("tickets.directory") && !consumers.contains("STOPPED"));
    for service in ["tickets", "customers", "knowledge", "surveys"] {
        let public = TcpStream::connect((address(service), 8080));
        assert!(public.is_err(), "{service} has a public port beside the gateway's");
    }

    let pod = &set.one("Deployment", "-gateway")["spec"]["template"]["spec"];
    let patience = Duration::from_secs(pod["terminationGracePeriodSeconds"].as_u64().unwrap());
    for (service, status, took) in release.end() {
        assert!(status.success(), "{service}: {status}");
        assert!(took < patience, "{service} took {took:?} and would have been killed");
    }
}
