//! A process of the suite under a small supervisor.
//!
//! The supervisor is a shell whose standard input we hold open: when the test program ends, however
//! it ends, the pipe closes, and the shell takes the process down and tidies up after it. So suites
//! that live in statics leave nothing behind.

use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
};

/// `$1` is where its logs go, `$2` a folder to remove at the end, or nothing; the rest is the
/// command. It prints the command's process id, and at the end its exit code.
const SUPERVISOR: &str = r#"
log=$1; rubbish=$2; shift 2
"$@" </dev/null >"$log.out" 2>>"$log.err" &
child=$!
echo "$child"
exec 3<&0
{ read -r _; kill -TERM "$child" 2>/dev/null; sleep 20; kill -KILL "$child" 2>/dev/null; } \
    <&3 >/dev/null 2>&1 3<&- &
watcher=$!
exec 3<&-
wait "$child"
code=$?
kill "$watcher" 2>/dev/null
if [ -n "$rubbish" ]; then rm -rf "$rubbish"; fi
# Last, since it ends the shell where nobody listens any more.
echo "$code"
"#;

/// A process that runs until it is told to stop, or until this is dropped.
#[derive(Debug)]
pub struct Process {
    supervisor: Child,
    said: BufReader<ChildStdout>,
    pid: String,
    log: PathBuf,
    ended: Option<i32>,
}

impl Process {
    /// Starts `program` with `args` and these variables more in its environment; logs go to `log`
    /// with `.out` and `.err` behind it. With `rubbish` a folder is removed when the process has
    /// ended.
    pub(crate) fn start(
        program: &Path,
        args: &[&str],
        variables: &[(String, String)],
        home: &Path,
        log: &Path,
        rubbish: Option<&Path>,
    ) -> Self {
        File::create(with(log, ".err")).expect("a log can be made");
        let mut supervisor = Command::new("sh")
            .args(["-c", SUPERVISOR, "supervisor"])
            .arg(log)
            .arg(rubbish.unwrap_or(Path::new("")))
            .arg(program)
            .args(args)
            .envs(variables.iter().cloned())
            .current_dir(home)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell starts");
        let mut said = BufReader::new(supervisor.stdout.take().expect("its output is a pipe"));
        let mut pid = String::new();
        said.read_line(&mut pid).expect("the supervisor says the process's id");
        let pid = pid.trim().to_owned();
        Self { supervisor, said, pid, log: log.to_owned(), ended: None }
    }

    /// SIGKILL: what a crash is.
    pub fn kill(&mut self) {
        self.signal("-KILL");
        self.wait();
    }

    /// SIGTERM, and its exit code once it has gone down.
    pub fn terminate(&mut self) -> i32 {
        self.signal("-TERM");
        self.wait()
    }

    /// Whether it has ended by itself, and with which exit code.
    ///
    /// # Panics
    /// Where the machine has no `/proc`, which tells.
    pub fn ended(&mut self) -> Option<i32> {
        assert!(Path::new("/proc/self").exists(), "the tests need /proc, as Linux has it");
        let path = Path::new("/proc").join(&self.pid);
        if self.ended.is_none() && !path.exists() {
            self.wait();
        }
        self.ended
    }

    /// What it printed on standard output.
    pub fn out(&self) -> String {
        std::fs::read_to_string(with(&self.log, ".out")).unwrap_or_default()
    }

    /// What it logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(with(&self.log, ".err")).unwrap_or_default()
    }

    /// The memory that it holds now, and the most that it ever held, in KiB.
    ///
    /// # Panics
    /// Where it has ended.
    pub fn memory(&self) -> (u64, u64) {
        let path = Path::new("/proc").join(&self.pid).join("status");
        let status = std::fs::read_to_string(path).expect("the process runs");
        let field = |name: &str| {
            let value = status.lines().find_map(|line| line.strip_prefix(name));
            value.and_then(|value| value.trim().trim_end_matches(" kB").parse().ok())
        };
        let both = field("VmRSS:").zip(field("VmHWM:"));
        both.expect("Linux tells a process's memory")
    }

    fn signal(&self, signal: &str) {
        // It may have ended by itself a moment ago.
        let _ = Command::new("kill").args([signal, &self.pid]).stderr(Stdio::null()).status();
    }

    fn wait(&mut self) -> i32 {
        if let Some(code) = self.ended {
            return code;
        }
        let mut code = String::new();
        self.said.read_line(&mut code).expect("the supervisor says the exit code");
        let _ = self.supervisor.wait();
        let code = code.trim().parse().unwrap_or(-1);
        self.ended = Some(code);
        code
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.ended.is_none() {
            self.kill();
        }
    }
}

fn with(log: &Path, end: &str) -> PathBuf {
    let mut path = log.as_os_str().to_owned();
    path.push(end);
    PathBuf::from(path)
}
