//! Servers for tests, each a process of its own that ends with the tests: Redis, NATS, S3, PgBouncer.
//!
//! Each is started from the machine's programs on a free port of 127.0.0.1. Where a program is missing the skipped test is
//! named, and fails where `CI=true`.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// How long a server may take until it takes connections.
const PATIENCE: Duration = Duration::from_secs(60);

/// Says that a test is skipped for want of a program.
///
/// # Panics
/// Where `CI=true`: nothing is skipped there.
pub fn skipped(test: &str, program: &str) {
    eprintln!("skipped: {test}: no {program}");
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{test} must run where CI=true");
}

/// A kind of server.
#[derive(Clone, Debug)]
pub enum Program {
    /// `redis-server`, in memory only.
    Redis,
    /// `nats-server` with JetStream, on disk below its folder.
    Nats,
    /// `moto_server`: S3 in memory, which takes any key.
    S3,
    /// `pgbouncer` in transaction mode before the databases of a server.
    PgBouncer {
        /// The folder of the server's socket, or its host.
        host: String,
        /// The server's port.
        port: u16,
        /// Connections to the server, for each database and login.
        pool: u32,
    },
}
impl Program {
    const fn name(&self) -> &'static str {
        match self {
            Self::Redis => "redis-server",
            Self::Nats => "nats-server",
            Self::S3 => "moto_server",
            Self::PgBouncer { .. } => "pgbouncer",
        }
    }
    fn arguments(&self, port: u16, folder: &Path) -> io::Result<Vec<String>> {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect();
        let folder = folder.display();
        Ok(match self {
            Self::Redis => words(&format!("--port {port} --bind 127.0.0.1 --save --appendonly no --dir {folder}")),
            Self::Nats => words(&format!("-a 127.0.0.1 -p {port} -js -sd {folder}/streams")),
            Self::S3 => words(&format!("-H 127.0.0.1 -p {port}")),
            Self::PgBouncer { host, port: to, pool } => {
                let users = format!("{folder}/users");
                // Whoever the server takes: the tests' logins share one password.
                std::fs::write(&users, "\"wib_test_owner\" \"wib\"\n\"wib_test_app\" \"wib\"\n\"wib_test_jobs\" \"wib\"\n")?;
                let file = format!("{folder}/pgbouncer.ini");
                std::fs::write(
                    &file,
                    format!(
                        "[databases]\n* = host={host} port={to}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
                         listen_port = {port}\nunix_socket_dir =\nauth_type = plain\nauth_file = {users}\n\
                         pool_mode = transaction\ndefault_pool_size = {pool}\nmax_client_conn = 1000\n"
                    ),
                )?;
                vec![file]
            }
        })
    }
    fn place(&self) -> Option<PathBuf> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let more = ["/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/root/.local/bin"].map(PathBuf::from);
        std::env::split_paths(&path).chain(more).map(|place| place.join(self.name())).find(|place| place.is_file())
    }
    /// Whether it refuses to run as root.
    const fn shy(&self) -> bool {
        matches!(self, Self::PgBouncer { .. })
    }
}

/// A server that runs until it is dropped.
#[derive(Debug)]
pub struct Server {
    program: Program,
    place: PathBuf,
    port: u16,
    folder: tempfile::TempDir,
    // Its end closes a pipe that a shell reads, which then kills the server: also after a panic or a kill.
    shell: Option<Child>,
}

impl Server {
    /// Starts one; `None` where its program is missing.
    ///
    /// # Panics
    /// When it does not start, and where `CI=true` when its program is missing.
    #[must_use]
    pub fn start(test: &str, program: Program) -> Option<Self> {
        let Some(place) = program.place() else {
            skipped(test, program.name());
            return None;
        };
        for _ in 0..3 {
            let folder = tempfile::Builder::new().prefix("wib-server-").tempdir().expect("a folder is made");
            let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
            let port = free.expect("a port is free").port();
            let mut server = Self { program: program.clone(), place: place.clone(), port, folder, shell: None };
            // Another process may have taken the port meanwhile.
            if server.again() {
                return Some(server);
            }
        }
        panic!("{} does not start", program.name())
    }
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }
    /// Where it listens, after a scheme (`redis`, `nats`, `http`).
    #[must_use]
    pub fn url(&self, scheme: &str) -> String {
        format!("{scheme}://{}", self.address())
    }
    /// Kills it; what it kept on disk stays.
    pub fn stop(&mut self) {
        if let Some(mut shell) = self.shell.take() {
            drop(shell.stdin.take());
            let _ = shell.wait();
        }
    }
    /// Starts it again on its port, with what it kept on disk; whether it takes connections.
    ///
    /// # Panics
    /// When no process can be started.
    pub fn again(&mut self) -> bool {
        self.stop();
        let arguments = self.program.arguments(self.port, self.folder.path()).expect("its files are written");
        let mut guard = match unprivileged().filter(|_| self.program.shy()) {
            Some(user) => {
                let given = Command::new("chown").arg("-R").arg(&user).arg(self.folder.path()).status();
                assert!(given.is_ok_and(|status| status.success()), "the folder is given to {user}");
                as_user(&user)
            }
            None => Command::new("sh"),
        };
        let script = r#"trap '' INT TERM HUP; log="$1"; shift; "$@" >"$log" 2>&1 & server=$!
            (while kill -0 $server 2>/dev/null; do sleep 0.2; done; kill -KILL $$ 2>/dev/null) &
            cat >/dev/null; kill -KILL $server; wait $server"#;
        guard.args(["-c", script, "sh"]).arg(self.folder.path().join("log")).arg(&self.place).args(arguments);
        let guard = guard.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        self.shell = Some(guard.spawn().expect("a shell starts"));
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if TcpStream::connect(self.address()).is_ok() {
                return true;
            }
            let ended = self.shell.as_mut().is_none_or(|shell| shell.try_wait().is_ok_and(|status| status.is_some()));
            if ended {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        eprintln!("{} ended: {log}", self.program.name());
        self.stop();
        false
    }
}
impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Whom a server of root's tests runs as.
pub(super) fn unprivileged() -> Option<String> {
    let says = |args: &[&str]| {
        Command::new("id").args(args).output().ok().filter(|o| o.status.success()).map(|o| o.stdout)
    };
    (says(&["-u"])? == b"0\n")
        .then(|| if says(&["-u", "postgres"]).is_some() { "postgres" } else { "nobody" }.to_owned())
}

/// A shell of that user.
pub(super) fn as_user(user: &str) -> Command {
    let there = |program: &str| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|place| place.join(program).is_file())
    };
    let mut command;
    if there("setpriv") {
        let group = Command::new("id").args(["-g", user]).output().map(|o| o.stdout).unwrap_or_default();
        command = Command::new("setpriv");
        command.args(["--reuid", user, "--regid", String::from_utf8_lossy(&group).trim(), "--clear-groups", "sh"]);
    } else if there("runuser") {
        command = Command::new("runuser");
        command.args(["-u", user, "--", "sh"]);
    } else {
        command = Command::new("su");
        command.args([user, "-s", "/bin/sh"]);
    }
    command
}

