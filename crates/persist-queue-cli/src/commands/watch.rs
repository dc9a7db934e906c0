//! `persistq watch`.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use persist_queue::any::Locator;

use super::metrics;
use crate::failure::{Exit, Failure, Result};
use crate::seconds;
use crate::streams::Streams;

/// How long somebody may take to ask, and to read the answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// No request is longer.
const LONGEST: usize = 16 * 1024;

/// Tell Prometheus what can be counted of queues
///
/// To a file, for the text collector of its node exporter, or over HTTP. Only this machine can ask
/// over HTTP, unless an address is given.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The queues: paths or URLs
    #[arg(value_name = "QUEUE", required = true)]
    queues: Vec<Locator>,
    /// A file, or `:PORT` or `ADDRESS:PORT` to listen on; port 0 takes a free one
    #[arg(long, value_name = "FILE|:PORT")]
    prometheus: String,
    /// How often the file is written
    #[arg(long, value_name = "SECONDS", default_value = "15", value_parser = seconds::duration)]
    every: Duration,
    /// Write the file once, or answer once, and end
    #[arg(long)]
    once: bool,
}

pub(crate) fn run(args: &Args, streams: &mut Streams) -> Result<Exit> {
    match address(&args.prometheus) {
        Some(address) => serve(args, &address, streams),
        None => write(args, Path::new(&args.prometheus)),
    }
}

/// `:PORT` is this machine's own.
fn address(target: &str) -> Option<String> {
    let (host, port) = target.rsplit_once(':')?;
    let port: u16 = port.parse().ok()?;
    let host = if host.is_empty() { "127.0.0.1" } else { host };
    Some(format!("{host}:{port}"))
}

fn write(args: &Args, path: &Path) -> Result<Exit> {
    let failed =
        |error: io::Error| Failure::failed(format!("cannot write {}: {error}", path.display()));
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    let fresh = PathBuf::from(fresh);
    loop {
        // Whoever reads finds the old one or the new one, whole.
        fs::write(&fresh, metrics::of(&args.queues)).map_err(failed)?;
        fs::rename(&fresh, path).map_err(failed)?;
        if args.once {
            return Ok(Exit::Done);
        }
        std::thread::sleep(args.every);
    }
}

fn serve(args: &Args, address: &str, streams: &mut Streams) -> Result<Exit> {
    let failed = |error: io::Error| Failure::failed(format!("cannot listen on {address}: {error}"));
    let listener = TcpListener::bind(address).map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    writeln!(streams.err, "persistq: http://{bound}/metrics")?;
    loop {
        // One who asks badly does not keep others from asking.
        let answered = listener.accept().and_then(|(stream, _)| answer(args, stream));
        match answered {
            Ok(true) if args.once => return Ok(Exit::Done),
            Ok(_) => {}
            Err(error) => writeln!(streams.err, "persistq: a request failed: {error}")?,
        }
    }
}

/// Says whether it was asked for what there is.
fn answer(args: &Args, mut stream: TcpStream) -> io::Result<bool> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut request = Vec::new();
    let mut part = [0; 1024];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = stream.read(&mut part)?;
        if read == 0 || request.len() > LONGEST {
            return Ok(false);
        }
        request.extend_from_slice(part.get(..read).unwrap_or_default());
    }
    let is_known = request.starts_with(b"GET /metrics ") || request.starts_with(b"GET / ");
    let (status, body) = if is_known {
        ("200 OK", metrics::of(&args.queues))
    } else {
        ("404 Not Found", "it is at /metrics\n".to_owned())
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    Ok(is_known)
}
