//! Three nodes of a Galera cluster: what one of them has is with all.

use std::collections::HashSet;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

use mysql::prelude::Queryable;
use persist_queue::codec::{Bytes, MessagePack};
use persist_queue::sql::{PutOptions, Status, Which};
use persist_queue::{Codec, Error, Wait};

use crate::server::{Database, Server, is_there};
use crate::{AckQueue, Address, Options, Queue};

const NODES: usize = 3;
const LIBRARIES: [&str; 2] =
    ["/usr/lib/galera/libgalera_smm.so", "/usr/lib64/galera/libgalera_smm.so"];
const LEASE: Duration = Duration::from_secs(2);
/// Between two puts, so that the takes keep up.
const PAUSE: Duration = Duration::from_millis(4);

/// See the module.
struct Cluster {
    nodes: Vec<Server>,
    database: Database,
}

impl Cluster {
    /// Nothing where there can be none.
    fn start() -> Option<Self> {
        let library = LIBRARIES.into_iter().find(|library| Path::new(library).exists());
        let must = std::env::var("CI").is_ok_and(|value| value == "true");
        let (Some(library), true) = (library, is_there()) else {
            assert!(!must, "no Galera here (Debian: galera-4)");
            eprintln!("skipped: no Galera here (Debian: galera-4)");
            return None;
        };
        let ports = ports();
        let all: Vec<_> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
        let mut nodes = Vec::<Server>::new();
        for (number, port) in ports.iter().enumerate() {
            let first = match nodes.first() {
                None => "--wsrep-new-cluster".to_owned(),
                Some(first) => format!("--joins={}", change(first)),
            };
            let options = format!(
                "base_port={port};gmcast.listen_addr=tcp://127.0.0.1:{port};\
                 ist.recv_addr=127.0.0.1:{};gcache.size=32M;evs.keepalive_period=PT0.5S;evs.suspect_timeout=PT2S",
                port + 1
            );
            let arguments = [
                first,
                "--wsrep-on=ON".to_owned(),
                format!("--wsrep-provider={library}"),
                format!("--wsrep-cluster-address=gcomm://{}", all.join(",")),
                format!("--wsrep-node-address=127.0.0.1:{port}"),
                format!("--wsrep-node-name=node-{number}"),
                format!("--wsrep-provider-options={options}"),
                "--wsrep-sst-method=missed".to_owned(),
                "--binlog-format=ROW".to_owned(),
                "--innodb-autoinc-lock-mode=2".to_owned(),
            ];
            let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
            nodes.push(Server::start(&arguments));
            wait_until_synced(&nodes[number]);
        }
        let database = nodes[0].database();
        Some(Self { nodes, database })
    }

    fn address(&self, node: usize) -> Address {
        let url = format!("{}/{}", self.nodes[node].url(), self.database.name);
        Address::from_url(&url).unwrap()
    }

    fn queue(&self, node: usize) -> Queue<u64> {
        Options::new().open(&self.address(node)).unwrap()
    }

    fn ack_queue(&self, node: usize) -> AckQueue<Vec<u8>, Bytes> {
        Options::new().lease(LEASE).open_ack_with(&self.address(node), Bytes).unwrap()
    }

    /// One after the other. The others go on without it.
    fn kill(&mut self, nodes: &[usize]) {
        for node in nodes.iter().copied() {
            sleep(Duration::from_millis(700));
            self.nodes[node].kill();
            sleep(Duration::from_millis(500));
            self.nodes[node].start_again();
            wait_until_synced(&self.nodes[node]);
        }
        sleep(Duration::from_millis(500));
    }
}

/// For each node one that the others talk to, and one behind it.
fn ports() -> Vec<u16> {
    // Below those that the kernel gives to clients, and below those that the script takes.
    let first = 10_000 + std::process::id() as u16 % 5_000;
    let is_free = |port: &u16| {
        [0, 1].map(|more| TcpListener::bind(("127.0.0.1", port + more)).is_ok()) == [true; 2]
    };
    (first..16_000).step_by(2).filter(is_free).take(NODES).collect()
}

fn status(node: &Server, name: &str) -> Option<String> {
    let opts = mysql::Opts::from_url(node.url()).unwrap();
    let mut connection = mysql::Conn::new(opts).ok()?;
    let row: Option<(String, String)> =
        connection.query_first(format!("SHOW GLOBAL STATUS LIKE '{name}'")).ok()?;
    row.map(|(_, value)| value)
}

/// How far the cluster is.
fn change(node: &Server) -> String {
    let part = |name| status(node, name).unwrap();
    format!("{}:{}", part("wsrep_cluster_state_uuid"), part("wsrep_last_committed"))
}

fn wait_until_synced(node: &Server) {
    wait_for(node, "wsrep_local_state_comment", "Synced");
}

fn wait_for(node: &Server, name: &str, value: &str) {
    for _ in 0..600 {
        if status(node, name).as_deref() == Some(value) {
            return;
        }
        sleep(Duration::from_millis(50));
    }
    panic!("{name} does not become {value}");
}

#[test]
fn what_one_node_has_the_others_have() {
    let Some(mut cluster) = Cluster::start() else { return };
    each_item_is_taken_once_at_whatever_node(&cluster);
    numbers_are_true_of_several_items_in_one_put(&mut cluster);
    what_is_held_at_one_node_is_not_given_out_at_another(&cluster);
    what_relies_on_locks_is_refused(&cluster);
    nothing_is_lost_when_nodes_are_killed(&mut cluster);
    what_is_acknowledged_stays_so_when_nodes_are_killed(&mut cluster);
}

fn each_item_is_taken_once_at_whatever_node(cluster: &Cluster) {
    let (each, got) = (600_u64, Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for node in 0..NODES {
            let got = &got;
            scope.spawn(move || {
                let queue = cluster.queue(node);
                for at in 0..each {
                    queue.put(node as u64 * each + at).unwrap();
                }
            });
            for _ in 0..2 {
                scope.spawn(move || {
                    let queue = cluster.queue(node);
                    while let Some(item) = queue.get_timeout(Duration::from_secs(3)).unwrap() {
                        got.lock().unwrap().push(item);
                    }
                });
            }
        }
    });
    let mut got = got.into_inner().unwrap();
    got.sort_unstable();
    let twice: Vec<_> = got.windows(2).filter(|pair| pair[0] == pair[1]).collect();
    assert!(twice.is_empty(), "taken twice: {twice:?}");
    assert_eq!(got.len() as u64, each * NODES as u64, "lost");
}

/// The nodes give out numbers in turn, and how far two of one node are from each other changes with how many
/// nodes there are.
fn numbers_are_true_of_several_items_in_one_put(cluster: &mut Cluster) {
    let queue = cluster.ack_queue(1);
    cluster.nodes[2].kill();
    wait_for(&cluster.nodes[1], "wsrep_cluster_size", "2");
    let items = || (0..50_u8).map(|item| vec![item]).collect::<Vec<_>>();
    let ids = queue.put_many(items(), PutOptions::default(), Wait::No).unwrap();
    for (id, item) in ids.into_iter().zip(items()) {
        let held = queue.get_with(Wait::No, Which::Id(id.unwrap()), None).unwrap().unwrap();
        assert_eq!(*held, item);
        held.ack().unwrap();
    }
    cluster.nodes[2].start_again();
    wait_until_synced(&cluster.nodes[2]);
}

fn what_is_held_at_one_node_is_not_given_out_at_another(cluster: &Cluster) {
    let (here, there) = (cluster.ack_queue(0), cluster.ack_queue(2));
    here.put(vec![1]).unwrap();
    // What was put is seen at once at another node.
    let held = there.get_with(Wait::No, Which::Next, None).unwrap().unwrap();
    assert!(here.get_with(Wait::No, Which::Next, None).unwrap().is_none());
    assert_eq!(here.resume().unwrap(), 0, "its holder lives");
    let late = Wait::For(LEASE + Duration::from_secs(20));
    let again = here.get_with(late, Which::Next, None).unwrap().unwrap();
    assert!(matches!(held.ack().unwrap_err(), Error::NotHeld { .. }));
    again.ack().unwrap();
}

fn what_relies_on_locks_is_refused(cluster: &Cluster) {
    let address = cluster.address(0);
    let refused = |error: Error, word: &str| {
        assert!(matches!(error, Error::Invalid(_)), "{error}");
        assert!(error.to_string().contains(word), "{error}");
    };
    refused(Options::new().open_ack::<u64>(&address).unwrap_err(), "lease");
    refused(Options::new().auto_commit(false).open::<u64>(&address).unwrap_err(), "auto_commit");
}

/// What threads at all nodes did while the nodes were killed.
#[derive(Default)]
struct Seen {
    stored: Vec<u64>,
    taken: Vec<u64>,
    /// Puts and takes of which it could not be told whether they were made.
    unknown: HashSet<u64>,
}

fn nothing_is_lost_when_nodes_are_killed(cluster: &mut Cluster) {
    let (stop, seen) = (AtomicBool::new(false), Mutex::new(Seen::default()));
    let queues: Vec<_> = (0..NODES).map(|node| cluster.queue(node)).collect();
    std::thread::scope(|scope| {
        for (node, queue) in (0_u64..).zip(&queues) {
            let (stop, seen) = (&stop, &seen);
            scope.spawn(move || {
                for at in 0_u64.. {
                    let number = node << 32 | at;
                    let put = queue.put(number).map_err(|refused| refused.error);
                    let mut seen = seen.lock().unwrap();
                    match put {
                        Ok(_) => seen.stored.push(number),
                        Err(Error::PutUnknown { .. }) => drop(seen.unknown.insert(number)),
                        Err(Error::Connect { .. } | Error::Database { .. }) => {}
                        Err(error) => panic!("{error}"),
                    }
                    drop(seen);
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    sleep(PAUSE);
                }
            });
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    match queue.get_timeout(Duration::from_millis(50)) {
                        Ok(item) => seen.lock().unwrap().taken.extend(item),
                        Err(Error::GetUnknown { rows, .. }) => {
                            let rows = rows.iter().map(|(_, data)| number(data));
                            seen.lock().unwrap().unknown.extend(rows);
                        }
                        Err(Error::Connect { .. } | Error::Database { .. }) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            });
        }
        cluster.kill(&[2, 0]);
        stop.store(true, Ordering::Relaxed);
    });
    let Seen { stored, mut taken, unknown } = seen.into_inner().unwrap();
    while let Some(item) = queues[0].get_timeout(Duration::from_secs(6)).unwrap() {
        taken.push(item);
    }
    eprintln!("{} stored, {} taken, {} unknown", stored.len(), taken.len(), unknown.len());
    let once: HashSet<u64> = taken.iter().copied().collect();
    assert_eq!(once.len(), taken.len(), "taken twice");
    let is_lost = |number: &&u64| !once.contains(number) && !unknown.contains(number);
    assert_eq!(stored.iter().filter(is_lost).count(), 0, "lost");
    assert!(stored.len() > 100);
}

fn number(data: &[u8]) -> u64 {
    Codec::<u64>::decode(&MessagePack, data).unwrap()
}

fn what_is_acknowledged_stays_so_when_nodes_are_killed(cluster: &mut Cluster) {
    let queues: Vec<_> = (0..NODES).map(|node| cluster.ack_queue(node)).collect();
    let count = 2_000_u64;
    let items = (0..count).map(|item| item.to_le_bytes().to_vec()).collect();
    queues[0].put_many(items, PutOptions::default(), Wait::No).unwrap();
    let before = queues[0].count(Status::Acked).unwrap();
    let (stop, acked) = (AtomicBool::new(false), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for queue in &queues {
            let (stop, acked) = (&stop, &acked);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let held =
                        queue.get_with(Wait::For(Duration::from_millis(50)), Which::Next, None);
                    if let Ok(Some(held)) = held
                        && let Ok(item) = held.ack()
                    {
                        acked.lock().unwrap().push(u64::from_le_bytes(item.try_into().unwrap()));
                    }
                }
            });
        }
        cluster.kill(&[1]);
        stop.store(true, Ordering::Relaxed);
    });
    let acked = acked.into_inner().unwrap();
    let done: HashSet<u64> = acked.iter().copied().collect();
    assert_eq!(done.len(), acked.len(), "acknowledged twice");
    eprintln!("{} acknowledged", acked.len());
    assert!(acked.len() > 100);
    // An acknowledgement whose answer was lost counts at the server only.
    assert!(queues[1].count(Status::Acked).unwrap() - before >= acked.len() as u64);
    sleep(LEASE);
    while let Some(held) = queues[2].get_with(Wait::No, Which::Next, None).unwrap() {
        assert!(!done.contains(&u64::from_le_bytes((*held).clone().try_into().unwrap())));
        held.ack().unwrap();
    }
    assert_eq!(queues[1].count(Status::Acked).unwrap() - before, count);
}
