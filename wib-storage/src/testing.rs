//! Stores for tests: SQLite in memory, and a PostgreSQL server of the tests' own.

mod dump;
#[cfg(feature = "postgres")]
pub mod proxy;
#[cfg(unix)]
pub mod servers;

use std::sync::Arc;

use wib_core::kit::Clock;

#[cfg(feature = "sqlite")]
pub use self::dump::raw;
pub use self::dump::{dump, tables_with};
#[cfg(feature = "postgres")]
pub use self::postgres::{PgStore, pgbouncer, pooled_store, postgres_store};
#[cfg(feature = "websocket")]
pub use self::postgres::{TunnelStore, websocket_store};
use crate::{Database, SqlStore};

/// An empty store in memory, gone when dropped.
///
/// # Panics
/// When SQLite cannot be opened.
pub async fn memory_store(clock: Arc<dyn Clock>) -> SqlStore {
    SqlStore::open(&Database::Memory, clock).await.expect("SQLite opens in memory")
}

#[cfg(feature = "postgres")]
mod postgres {
    use std::{
        io,
        ops::Deref,
        os::unix::process::CommandExt,
        path::{Path, PathBuf},
        process::{Child, Command, Stdio},
        sync::{
            Arc, Mutex,
            atomic::{AtomicU32, Ordering},
        },
        time::Duration,
    };

    use async_trait::async_trait;
    use sqlx::{AssertSqlSafe, ConnectOptions, Connection, postgres::PgConnectOptions, raw_sql};
    use tokio::sync::OnceCell;
    use wib_core::{
        kit::{Clock, ExposeSecret, Result, SystemClock},
        orgs::OrganizationId,
        ports::Bus,
        store::{Connections, OrgTx, Store, SystemTx},
    };

    #[cfg(feature = "websocket")]
    use super::proxy::{Proxy, Speech};
    use super::servers::{self, Program, as_user, unprivileged};
    #[cfg(feature = "websocket")]
    use crate::WebSocket;
    use crate::{Database, PgUrls, SqlStore, migrate};

    /// The logins: who owns the tables, who serves organisations, who works for the platform.
    const LOGINS: [&str; 3] = ["wib_test_owner", "wib_test_app", "wib_test_jobs"];

    /// A store on a database of its own, which is dropped with it.
    #[derive(Debug)]
    pub struct PgStore {
        store: SqlStore,
        name: String,
        urls: PgUrls,
        admin: PgConnectOptions,
    }
    impl PgStore {
        /// Opens the same database by other logins.
        async fn again(&mut self, urls: PgUrls, clock: Arc<dyn Clock>) {
            self.store.close().await;
            self.store = SqlStore::open(&Database::Postgres(urls.clone()), clock).await.expect("the store opens");
            self.urls = urls;
        }
        /// The logins of its database.
        #[must_use]
        pub fn urls(&self) -> &PgUrls {
            &self.urls
        }
        /// Where its server listens: the path of a socket, or host and port.
        #[must_use]
        pub fn server(&self) -> String {
            let admin = &self.admin;
            match admin.get_socket() {
                Some(folder) => format!("{}/.s.PGSQL.{}", folder.display(), admin.get_port()),
                None => format!("{}:{}", admin.get_host(), admin.get_port()),
            }
        }
        /// The logins of its database at another address: a pooler's or a proxy's. The owner's stays as it is.
        #[must_use]
        pub fn urls_at(&self, host: &str, port: u16) -> PgUrls {
            let at = |login: &str| format!("postgres://{login}:wib@{host}:{port}/{}", self.name);
            let [_, app, jobs] = LOGINS.map(at);
            PgUrls { app: app.into(), jobs: Some(jobs.into()), ..self.urls.clone() }
        }
        /// Runs statements as the server's own superuser.
        ///
        /// # Errors
        /// What the database refuses.
        pub async fn admin(&self, text: &str) -> Result<()> {
            run(&self.admin.clone().database(&self.name), text).await.map_err(crate::db::fault)
        }
        /// Runs statements as the owner of the tables, past every rule of the store.
        ///
        /// # Errors
        /// What the database refuses.
        pub async fn raw(&self, text: &str) -> Result<()> {
            let text = format!("SELECT set_config('app.system', 'on', false); {text}");
            let [owner, ..] = LOGINS;
            let owner = self.admin.clone().username(owner).password("wib").database(&self.name);
            run(&owner, &text).await.map_err(crate::db::fault)
        }
    }
    impl Deref for PgStore {
        type Target = SqlStore;
        fn deref(&self) -> &SqlStore {
            &self.store
        }
    }
    impl Drop for PgStore {
        fn drop(&mut self) {
            let (admin, drop) = (self.admin.clone(), format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
            // A runtime of its own: this may be the end of a test that panics.
            let work = move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                runtime.block_on(run(&admin, &drop)).map_err(io::Error::other)
            };
            let _ = std::thread::spawn(work).join();
        }
    }
    #[async_trait]
    impl Store for PgStore {
        async fn org(&self, organization: OrganizationId) -> Result<Box<dyn OrgTx>> {
            self.store.org(organization).await
        }
        async fn system(&self) -> Result<Box<dyn SystemTx>> {
            self.store.system().await
        }
        fn tell_on(&self, bus: &Arc<dyn Bus>) {
            self.store.tell_on(bus);
        }
        async fn ping(&self) -> Result<()> {
            self.store.ping().await
        }
        fn connections(&self) -> Vec<Connections> {
            self.store.connections()
        }
        async fn missing_steps(&self) -> Result<usize> {
            self.store.missing_steps().await
        }
    }

    /// An empty store on PostgreSQL, with three logins.
    ///
    /// The server is the one that `TEST_DATABASE_URL` names (a login that may make databases and logins), or one that is
    /// started for this process from the machine's programs and ends with it. Without either the answer is `None`, the
    /// skipped test is named, and where `CI=true` it fails.
    ///
    /// # Panics
    /// When the server does not do what it should, and where `CI=true` when there is none.
    pub async fn postgres_store(test: &str, clock: Arc<dyn Clock>) -> Option<PgStore> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let Some(server) = SERVER.get_or_init(Server::find).await else {
            servers::skipped(test, "PostgreSQL");
            return None;
        };
        let name = format!("{}_{}", server.template, COUNT.fetch_add(1, Ordering::Relaxed));
        let [owner, ..] = LOGINS;
        let clone = format!("CREATE DATABASE {name} TEMPLATE {} OWNER {owner}", server.template);
        run(&server.admin, &clone).await.expect("a database is made");
        let urls = server.urls(&name);
        let store = SqlStore::open(&Database::Postgres(urls.clone()), clock).await.expect("the store opens");
        Some(PgStore { store, name, urls, admin: server.admin.clone() })
    }

    /// A pooler of the tests' own before their PostgreSQL, of so many connections for each database and login.
    ///
    /// # Panics
    /// When it does not start, and where `CI=true` when there is none.
    pub async fn pgbouncer(test: &str, pool: u32) -> Option<servers::Server> {
        let Some(server) = SERVER.get_or_init(Server::find).await else {
            servers::skipped(test, "PostgreSQL");
            return None;
        };
        let admin = &server.admin;
        let host =
            admin.get_socket().map_or_else(|| admin.get_host().to_owned(), |folder| folder.display().to_string());
        servers::Server::start(test, Program::PgBouncer { host, port: admin.get_port(), pool })
    }

    /// An empty store on PostgreSQL whose connections are a pooler's, by transaction; one pooler for the process.
    ///
    /// # Panics
    /// As [`postgres_store`] and [`pgbouncer`].
    pub async fn pooled_store(test: &str, clock: Arc<dyn Clock>) -> Option<PgStore> {
        static POOLER: OnceCell<Option<servers::Server>> = OnceCell::const_new();
        let pooler = POOLER.get_or_init(|| pgbouncer(test, 8)).await.as_ref()?;
        let mut store = postgres_store(test, clock.clone()).await?;
        let address = pooler.address();
        let urls = PgUrls { pooled: true, ..store.urls_at(&address.ip().to_string(), address.port()) };
        store.again(urls, clock).await;
        Some(store)
    }

    /// A store whose connections go through WebSockets, and the proxy that takes them.
    #[cfg(feature = "websocket")]
    #[derive(Debug)]
    pub struct TunnelStore {
        store: PgStore,
        /// Who turns frames into bytes.
        pub proxy: Proxy,
    }
    #[cfg(feature = "websocket")]
    impl Deref for TunnelStore {
        type Target = PgStore;
        fn deref(&self) -> &PgStore {
            &self.store
        }
    }
    #[cfg(feature = "websocket")]
    #[async_trait]
    impl Store for TunnelStore {
        async fn org(&self, organization: OrganizationId) -> Result<Box<dyn OrgTx>> {
            self.store.org(organization).await
        }
        async fn system(&self) -> Result<Box<dyn SystemTx>> {
            self.store.system().await
        }
        fn tell_on(&self, bus: &Arc<dyn Bus>) {
            self.store.tell_on(bus);
        }
        async fn ping(&self) -> Result<()> {
            self.store.ping().await
        }
    }

    /// An empty store on PostgreSQL, reached through a proxy that takes WebSockets for one address alone. The owner's
    /// login goes through it too.
    ///
    /// # Panics
    /// As [`postgres_store`].
    #[cfg(feature = "websocket")]
    pub async fn websocket_store(test: &str, clock: Arc<dyn Clock>) -> Option<TunnelStore> {
        let mut store = postgres_store(test, clock.clone()).await?;
        let proxy = Proxy::start(Speech::WebSocket { only: "ep-x.example.com:5432".to_owned() }, &store.server());
        let template = format!("ws://{}/v1?address={{host}}:{{port}}", proxy.address());
        let mut urls = store.urls_at("ep-x.example.com", 5432);
        let [owner, ..] = LOGINS;
        urls.owner = Some(format!("postgres://{owner}:wib@ep-x.example.com:5432/{}", store.name).into());
        urls.websocket = Some(WebSocket::new(&template).expect("an address"));
        store.again(urls, clock).await;
        Some(TunnelStore { store, proxy })
    }

    static SERVER: OnceCell<Option<Server>> = OnceCell::const_new();

    struct Server {
        admin: PgConnectOptions,
        template: String,
        // Its end closes a pipe that a shell reads, which then stops the server: also after a panic or a kill.
        _shell: Option<Mutex<Child>>,
    }

    async fn run(on: &PgConnectOptions, text: &str) -> sqlx::Result<()> {
        let mut conn = on.connect().await?;
        raw_sql(AssertSqlSafe(text.to_owned())).execute(&mut conn).await?;
        conn.close().await
    }

    impl Server {
        async fn find() -> Option<Self> {
            let (admin, shell) = match std::env::var("TEST_DATABASE_URL") {
                Ok(url) => (url.parse().expect("TEST_DATABASE_URL is the URL of PostgreSQL"), None),
                Err(_) => {
                    let (folder, shell) = start(&programs()?).expect("PostgreSQL starts");
                    let admin =
                        PgConnectOptions::new_without_pgpass().socket(folder).username("postgres").database("postgres");
                    (admin, Some(Mutex::new(shell)))
                }
            };
            let mut tries = 0;
            while let Err(error) = run(&admin, "SELECT 1").await {
                tries += 1;
                assert!(shell.is_some() && tries < 600, "PostgreSQL does not answer: {error}");
                std::thread::sleep(Duration::from_millis(50));
            }
            for login in LOGINS {
                let make = format!(
                    "DO $$ BEGIN CREATE ROLE {login} LOGIN PASSWORD 'wib' NOSUPERUSER NOBYPASSRLS; \
                     EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
                );
                run(&admin, &make).await.expect("a login is made");
            }
            let began = std::time::UNIX_EPOCH.elapsed().map_or(0, |t| t.as_micros());
            let template = format!("wib_test_{}_{began}", std::process::id());
            let server = Self { admin, template, _shell: shell };
            let [owner, ..] = LOGINS;
            run(&server.admin, &format!("CREATE DATABASE {} OWNER {owner}", server.template))
                .await
                .expect("a database is made");
            let database = Database::Postgres(server.urls(&server.template));
            migrate::up(&database, SystemClock.now()).await.expect("tables are made");
            Some(server)
        }
        fn urls(&self, database: &str) -> PgUrls {
            let url = |login| {
                self.admin.clone().username(login).password("wib").database(database).to_url_lossy().to_string()
            };
            let [owner, app, jobs] = LOGINS.map(url);
            PgUrls { owner: Some(owner.into()), jobs: Some(jobs.into()), connections: 3, ..PgUrls::one(app) }
        }
    }

    /// The folder of the server's programs.
    fn programs() -> Option<PathBuf> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut versions: Vec<_> = std::fs::read_dir("/usr/lib/postgresql")
            .map(|entries| entries.flatten().map(|e| e.path().join("bin")).collect())
            .unwrap_or_default();
        versions.sort();
        let places = std::env::split_paths(&path).chain(versions.into_iter().rev()).chain(["/usr/local/bin".into()]);
        places.into_iter().find(|place| place.join("initdb").is_file() && place.join("postgres").is_file())
    }

    /// Makes a server in a new folder and gives the folder of its socket. The shell that guards it removes the folder.
    fn start(programs: &Path) -> io::Result<(PathBuf, Child)> {
        const GUARD: &str = r#"
            trap '' INT TERM HUP
            cd "$WIB_FOLDER" || exit 1
            "$WIB_PROGRAMS/initdb" -D data -U postgres -A trust -E UTF8 --no-locale -N >initdb.log 2>&1 &&
            "$WIB_PROGRAMS/postgres" -D data -k "$WIB_FOLDER" -c listen_addresses= -c max_connections=500 -c fsync=off \
                -c full_page_writes=off -c synchronous_commit=off -c autovacuum=off >server.log 2>&1 &
            cat >/dev/null
            [ -f data/postmaster.pid ] && kill -QUIT "$(head -n 1 data/postmaster.pid)"
            wait
            cd / && rm -rf "$WIB_FOLDER"
        "#;
        let folder = tempfile::Builder::new().prefix("wib-pg-").tempdir()?.keep();
        // The server refuses to run as root.
        let mut guard = match unprivileged() {
            Some(user) => {
                Command::new("chown").arg(&user).arg(&folder).status()?;
                as_user(&user)
            }
            None => Command::new("sh"),
        };
        let guard =
            guard.arg("-c").arg(GUARD).env("WIB_FOLDER", &folder).env("WIB_PROGRAMS", programs).process_group(0);
        let shell = guard.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        Ok((folder, shell))
    }

    impl std::fmt::Debug for Server {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(&self.template)
        }
    }

    // The password of a test's login is no secret, and a test that looks behind the store needs it.
    impl PgUrls {
        /// The options of a login, for a test that looks behind the store.
        ///
        /// # Panics
        /// When the URL is not one.
        #[must_use]
        pub fn login(&self, login: &str) -> PgConnectOptions {
            let url = match login {
                "owner" => self.owner.as_ref().expect("there is an owner"),
                "jobs" => self.jobs.as_ref().expect("there is a login for jobs"),
                _ => &self.app,
            };
            url.expose_secret().parse().expect("a URL of PostgreSQL")
        }
    }
}
